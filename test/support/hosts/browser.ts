/**
 * A real Chromium that comes with the packages: no system browser and no download.
 */
import chromium from '@sparticuz/chromium';
import { chromium as playwright, type Browser, type Page } from 'playwright-core';

/**
 * Starts the browser. The caller closes it. The arguments that the package proposes are left out:
 * they switch web security off, which is what tests look at, and put all into one process, which
 * dies with its first closed context.
 */
export async function startBrowser(): Promise<Browser> {
  // Without a sandbox, since it has none for root and in containers; it only ever sees our own
  // pages.
  const browser = await playwright.launch({
    executablePath: await chromium.executablePath(),
    args: ['--no-sandbox'],
    headless: true,
    timeout: 0,
  });
  // Pages wait without a limit of their own: the test's limit ends a page that hangs.
  const newContext = browser.newContext.bind(browser);
  browser.newContext = async (options) => {
    const context = await newContext(options);
    context.setDefaultTimeout(0);
    return context;
  };
  return browser;
}

/**
 * Collects what a page complains of: console errors and warnings, exceptions, failed requests, CSP
 * violations. A request that the page itself takes back, or that ends with the page, has not
 * failed.
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
