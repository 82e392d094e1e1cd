/** Starts a real Chromium from an npm package; needs no system browser and no download. */
import chromium from '@sparticuz/chromium';
import { chromium as playwright, type Browser, type Page } from 'playwright-core';

/**
 * Starts the browser. The caller closes it. The package's own arguments are left out for two
 * reasons. They switch off web security, which tests check. They run everything in one process,
 * which dies with its first closed context.
 */
export async function startBrowser(): Promise<Browser> {
  // The sandbox is off: it does not work for root and in containers. The browser opens only our own
  // pages.
  const browser = await playwright.launch({
    executablePath: process.env['DIGITMINT_CHROMIUM'] ?? (await chromium.executablePath()),
    args: ['--no-sandbox'],
    headless: true,
    timeout: 0,
  });
  // Pages have no time limit of their own; the test's limit ends a page that hangs.
  const newContext = browser.newContext.bind(browser);
  browser.newContext = async (options) => {
    const context = await newContext(options);
    context.setDefaultTimeout(0);
    return context;
  };
  return browser;
}

/**
 * Collects a page's complaints: console errors and warnings, exceptions, failed requests, CSP
 * violations. A request that the page aborts, or that ends with the page, does not count.
 */
export function collectComplaints(page: Page): string[] {
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') {
      complaints.push(`${message.type()}: ${message.text()}`);
    }
  });
  page.on('pageerror', (error) => complaints.push(`exception: ${error.message}`));
  page.on('requestfailed', (request) => {
    const reason = request.failure()?.errorText ?? '';
    if (reason !== 'net::ERR_ABORTED') {
      complaints.push(`failed: ${request.url()} ${reason}`);
    }
  });
  page.on('response', (response) => {
    if (response.status() >= 400) {
      complaints.push(`${response.status()}: ${response.url()}`);
    }
  });
  return complaints;
}
