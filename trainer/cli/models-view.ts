/** The output of the `models` command: lines for people, and JSON. */
import { nameVersion, type Manifest } from '../../shared/model/artifact.ts';
import { alignColumns } from '../../shared/text.ts';
import type { CatalogueEntry } from '../publish/catalogue.ts';
import { KEEP_REASONS, type PruneResult } from '../publish/prune.ts';
import type { CheckedVersion, Verification } from '../publish/verify.ts';
import { formatBytes } from './storage-options.ts';

/** Makes a table with one version a line, each model under its name. */
export function listEntries(entries: readonly CatalogueEntry[], now: Date): string[] {
  if (entries.length === 0) {
    return ['nothing is published here'];
  }
  const rows = entries.map((entry) => [
    entry.version,
    describeStates(entry.states),
    formatBytes(entry.bytes),
    describeService(entry),
    formatAge(entry.writtenAt, now),
    describeQuality(entry),
    entry.signedBy.length === 0 ? '' : 'signed',
    entry.note ?? '',
  ]);
  return alignColumns(rows).flatMap((line, i) => {
    const name = entries[i]?.name ?? '';
    return name === entries[i - 1]?.name ? [`  ${line}`] : [name, `  ${line}`];
  });
}

export function describeEntry(entry: CatalogueEntry, now: Date): string[] {
  const { writtenAt, signedBy } = entry;
  const rows: [string, string | null][] = [
    ['state', describeStates(entry.states) || 'not served'],
    ['note', entry.note],
    ['objects', `${entry.objects}, ${formatBytes(entry.bytes)}`],
    ['written', writtenAt === null ? 'not there' : `${writtenAt}, ${formatAge(writtenAt, now)}`],
    ['served from', entry.publishedAt],
    ['replaced', entry.replacedAt],
    ['signed by', signedBy.length === 0 ? 'nobody' : `${signedBy.join(', ')} (not verified here)`],
    ...(entry.manifest === null ? [] : describeManifest(entry.manifest)),
  ];
  const told = rows.flatMap(([label, value]) => (value ? [[label, value]] : []));
  return [nameVersion(entry), ...alignColumns(told).map((line) => `  ${line}`)];
}

function describeManifest({ classes, weights, training, figures, files }: Manifest) {
  const { steps, batchSize, dataset, preset } = training;
  return [
    ['classes', `${classes.length}`],
    ['weights', weights.dtype],
    ['trained', `${steps} steps of ${batchSize} on ${dataset.name}, preset ${preset}`],
    ...Object.entries(figures ?? {}).map(([name, value]) => [name, value.toPrecision(4)]),
    ...files.map(({ path, bytes, sha256 }) => [path, `${formatBytes(bytes)}  sha256 ${sha256}`]),
  ] as [string, string][];
}

/** Keeps those parts of the manifest that people compare. */
export function toEntryJson({ manifest, ...entry }: CatalogueEntry): object {
  return {
    ...entry,
    figures: manifest?.figures ?? null,
    training: manifest?.training ?? null,
    files: manifest?.files ?? null,
  };
}

export function toPruneJson({ deleted, kept, probes }: PruneResult): object {
  return {
    deleted: deleted.map(({ name, version, bytes, objects }) => ({
      name,
      version,
      bytes,
      keys: objects.map(({ key }) => key),
    })),
    kept: kept.map(({ version: { name, version }, reason }) => ({ name, version, reason })),
    probes: probes.map(({ key }) => key),
  };
}

export function describeChecked(checked: CheckedVersion): string {
  const { faults, signedBy, objects, bytes } = checked;
  const state = faults.length === 0 ? 'whole ' : 'faulty';
  const signed = signedBy.length === 0 ? '' : `, signed by ${signedBy.join(', ')}`;
  return `  ${state}  ${nameVersion(checked)}  ${objects} objects, ${formatBytes(bytes)}${signed}`;
}

export function describeVerification({ versions, leftovers, faults }: Verification): string[] {
  return [
    ...leftovers.map(
      (id) =>
        `  incomplete  ${nameVersion(id)}: left by a command that was stopped; ` +
        'nothing serves it, prune deletes it',
    ),
    ...faults.map(({ key, problem }) => `  fault  ${key}: ${problem}`),
    faults.length === 0 ? `All ${versions.length} version(s) are whole.` : '',
  ].filter((line) => line !== '');
}

export function describePrune({ deleted, kept, probes }: PruneResult, isDryRun: boolean): string[] {
  const verb = isDryRun ? 'would delete' : 'deleted     ';
  const bytes = deleted.reduce((sum, version) => sum + version.bytes, 0);
  return [
    ...kept.map(
      ({ version, reason }) => `  kept          ${nameVersion(version)}  ${KEEP_REASONS[reason]}`,
    ),
    ...deleted.map((version) => {
      const size = `${version.objects.length} objects, ${formatBytes(version.bytes)}`;
      const incomplete = version.hasManifest ? '' : ', incomplete';
      return `  ${verb}  ${nameVersion(version)}  ${size}${incomplete}`;
    }),
    ...probes.map(({ key }) => `  ${verb}  ${key}  left by a publisher that was stopped`),
    isDryRun
      ? `${deleted.length} version(s), ${formatBytes(bytes)}; nothing was deleted: --dry-run`
      : `${deleted.length} version(s) deleted, ${formatBytes(bytes)}; ${kept.length} kept`,
  ];
}

function describeStates(states: readonly string[]): string {
  // The default is always served, too.
  const told = states.includes('default') ? states.filter((state) => state !== 'served') : states;
  return told.map((state) => state.replace('_', ' ')).join(', ');
}

function describeService({ publishedAt, replacedAt }: CatalogueEntry): string {
  if (replacedAt !== null) {
    return `served until ${formatTime(replacedAt)}`;
  }
  return publishedAt === null ? 'never served' : `served from ${formatTime(publishedAt)}`;
}

/** Shows diversity, the figure that says most about the samples. */
function describeQuality({ manifest }: CatalogueEntry): string {
  const value = manifest?.figures['diversity'];
  return value === undefined ? '' : `diversity ${value.toFixed(3)}`;
}

/** Shows UTC to the minute. */
function formatTime(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 16)}`;
}

function formatAge(iso: string | null, now: Date): string {
  if (iso === null) {
    return '';
  }
  const minutes = Math.max(0, Math.round((now.getTime() - Date.parse(iso)) / 60_000));
  if (minutes < 120) {
    return `${minutes} min old`;
  }
  const hours = Math.round(minutes / 60);
  return minutes < 48 * 60 ? `${hours} h old` : `${Math.round(minutes / 1440)} days old`;
}
