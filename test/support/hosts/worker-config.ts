/** The worker's settings of wrangler.toml, as Miniflare and esbuild take them. */
import { join } from 'node:path';
import type { V4WorkerOptionsShape } from 'miniflare';
import type { Unstable_Config } from 'wrangler';

const CONFIG = join(import.meta.dirname, '../../../wrangler.toml');

export type BuildSettings = Pick<Unstable_Config, 'alias' | 'define' | 'minify' | 'keep_names'>;

export interface WorkerConfig extends BuildSettings {
  /** The entry point. */
  readonly main: string | undefined;
  readonly options: V4WorkerOptionsShape;
}

/**
 * Reads wrangler.toml by wrangler, which takes more than a second to load. So the set-up of the
 * tests does it for all their processes.
 */
export async function readWorkerConfig(): Promise<WorkerConfig> {
  const known = process.env['DIGITMINT_WORKER_CONFIG'];
  if (known !== undefined) {
    return JSON.parse(known) as WorkerConfig;
  }
  const { unstable_readConfig: readConfig, unstable_getMiniflareWorkerOptions: getOptions } =
    await import('wrangler');
  const config = readConfig({ config: CONFIG }, { hideWarnings: true });
  const { modulesRules: _, ...options } = getOptions(config).workerOptions;
  const { main, alias, define, minify, keep_names } = config;
  // wrangler's type has lost the fields of the options.
  return { main, alias, define, minify, keep_names, options: options as V4WorkerOptionsShape };
}
