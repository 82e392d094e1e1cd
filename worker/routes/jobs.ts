/** `/jobs`: sets too large for one answer, for the owner. The queue's consumers draw them. */
import { timingSafeEqual } from 'hono/utils/buffer';
import * as v from 'valibot';
import type { jobManifestSchema, jobSchema } from '../../shared/contract/answers.ts';
import { JOB_FORMATS, SET_PARTS, type SetPart } from '../../shared/contract/formats.ts';
import { LIMITS } from '../../shared/contract/limits.ts';
import { ROUTES, type Parameter } from '../../shared/contract/parameters.ts';
import { orRefuse, Refusal, refuseValue } from '../../shared/contract/refusal.ts';
import {
  fillDefaults,
  parseParameters,
  parseQuery,
  type ParameterSet,
  type Query,
} from '../../shared/contract/query.ts';
import { doWork, LIGHT_WORK } from '../http/admission.ts';
import type { App, AppContext } from '../context.ts';
import type { AppDependencies } from '../dependencies.ts';
import { findLabels } from '../drawing.ts';
import { checkHand, settleHand } from '../hand.ts';
import { CACHE_CONTROL, hasCurrent, HEADERS, readHeader, refuseIfMatch } from '../http/headers.ts';
import {
  chooseShardDigits,
  countPages,
  countShards,
  deriveJobId,
  jobIdSchema,
  listPage,
  PAGE_SHARDS,
  type JobRecord,
} from '../jobs/job.ts';
import { readProgress, type JobProgress } from '../jobs/job-progress.ts';
import type { Jobs, ShardFile } from '../jobs/job-store.ts';
import {
  listBodies,
  PARTIAL,
  QUERY_ERRORS,
  WORK_ERRORS,
  type OperationEntry,
} from '../http/operation.ts';
import { chooseRange, buildRangeHeaders, respondJson } from '../http/range.ts';
import { useModel } from '../models/model-source.ts';
import type { LoadedModel } from '../models/model-cache.ts';

const ID: Parameter = {
  kind: 'text',
  pattern: /^[0-9a-f]{32}$/,
  expected: '32 hex digits',
  about: 'A job’s id',
  example: '0123456789abcdef0123456789abcdef',
};
const PART: Parameter = {
  kind: 'choice',
  choices: SET_PARTS,
  about: 'What the file holds',
  example: 'images',
};
const FILE_PATTERN = /^[0-9]{6}-([0-9a-f]{64})\.(npy|idx)$/;
const SHARD: Parameter = {
  kind: 'text',
  pattern: /^[0-9]{6}-[0-9a-f]{64}$/,
  expected: 'the name of a file in the manifest, without its extension',
  about: 'A shard’s number and its SHA-256',
  example: `000000-${'0123456789abcdef'.repeat(4)}`,
};
const MANIFEST_PARAMETERS = {
  page: {
    kind: 'whole',
    min: 0,
    max: LIMITS.maxJobShards / PAGE_SHARDS - 1,
    default: '0',
    about: `Which ${PAGE_SHARDS} shards; next in the answer is the URL of the following ones`,
    example: '0',
  },
} as const satisfies ParameterSet;

const OWNER_ERRORS = ['unauthorized', 'jobs_off', 'rate_limited'] as const;
const JOB_ERRORS = ['job_not_found', ...OWNER_ERRORS] as const;
const JOB_ANSWER = { 'application/json': 'jobSchema' } as const;

const OF_JOB = {
  kind: 'owner',
  tag: 'jobs',
  path: '/jobs/{id}',
  pathParameters: { id: ID },
  answers: JOB_ANSWER,
  errors: JOB_ERRORS,
} as const;

export const JOB_OPERATIONS: readonly OperationEntry[] = [
  {
    id: 'startJob',
    path: '/jobs',
    method: 'POST',
    kind: 'owner',
    tag: 'jobs',
    summary:
      'Starts a job: a set too large for one answer. The same POST again draws what is missing',
    query: ROUTES.jobs,
    answers: JOB_ANSWER,
    otherStatuses: { 202: 'The job’s missing shards are queued' },
    errors: [
      ...QUERY_ERRORS,
      'missing_parameter',
      'hand_of_other_model',
      'job_too_large',
      'label_not_supported',
      'model_not_found',
      ...OWNER_ERRORS,
      ...WORK_ERRORS,
    ],
  },
  { ...OF_JOB, id: 'getJob', summary: 'A job’s progress and cost so far' },
  {
    ...OF_JOB,
    id: 'cancelJob',
    method: 'DELETE',
    summary: 'Cancels a job: no further shard is started; finished shards stay',
  },
  {
    ...OF_JOB,
    id: 'getJobManifest',
    path: '/jobs/{id}/manifest',
    summary: 'A job’s shards in order, with their URLs and SHA-256',
    query: MANIFEST_PARAMETERS,
    answers: { 'application/json': 'jobManifestSchema' },
    errors: [...QUERY_ERRORS, ...JOB_ERRORS],
  },
  {
    ...OF_JOB,
    id: 'getJobFile',
    path: '/jobs/{id}/{part}/{shard}.{extension}',
    routes: ['/jobs/:id/:part/:file'],
    summary: 'The images or the labels of a shard',
    pathParameters: {
      id: ID,
      part: PART,
      shard: SHARD,
      extension: { ...ROUTES.jobs.format, about: 'The job’s format', without: '' },
    },
    variants: {
      parameter: 'extension',
      types: JOB_FORMATS,
      id: 'getJobFile',
      summary: 'The images or the labels of a shard',
    },
    answers: listBodies(JOB_FORMATS),
    conditional: true,
    errors: ['not_found', 'range_not_satisfiable', ...OWNER_ERRORS],
    otherStatuses: PARTIAL,
  },
];

/** Pages sent in a second: a queue takes 5,000 messages a second, and two pages have 2,000. */
const PAGES_A_SECOND = 2;

/** No CORS headers: pages of other origins must not use the secret. */
const PRIVATE_HEADERS = {
  'Cache-Control': CACHE_CONTROL.fresh,
  'X-Robots-Tag': 'noindex',
} as const;

export function addJobRoutes(app: App, dependencies: AppDependencies): void {
  const { jobs = { reason: 'it runs on a host without a queue' } } = dependencies;
  const forOwner =
    (answer: (c: AppContext, jobs: Jobs) => Promise<Response>) =>
    async (c: AppContext): Promise<Response> => {
      if ('reason' in jobs) {
        throw new Refusal({ code: 'jobs_off', reason: jobs.reason });
      }
      if (await isOwner(c, jobs)) {
        return answer(c, jobs); // Not counted: a job has more files than a caller has answers.
      }
      return doWork(c, dependencies, LIGHT_WORK, () => {
        throw new Refusal({ code: 'unauthorized' });
      });
    };
  app.post(
    '/jobs',
    forOwner((c, given) => answerStart(c, dependencies, given)),
  );
  app.get('/jobs/:id', forOwner(answerProgress));
  app.delete(
    '/jobs/:id',
    forOwner(async (c, given) => {
      const id = readId(c);
      if (id !== undefined && (await given.store.read(id)) !== undefined) {
        refuseIfMatch(c);
        await given.store.stop(id, 'cancelled');
        dependencies.log({ level: 'info', event: 'job_stopped', job: id, why: 'cancelled' });
      }
      return answerProgress(c, given);
    }),
  );
  app.get('/jobs/:id/manifest', forOwner(answerManifest));
  app.get('/jobs/:id/:part/:file', forOwner(answerFile));
}

/** Looks for the secret, in a time that does not depend on it. */
async function isOwner(c: AppContext, { secret }: Jobs): Promise<boolean> {
  const authorization = readHeader(c, 'authorization') ?? '';
  const given = /^Bearer +([\x21-\x7e]+) *$/i.exec(authorization)?.[1];
  return given !== undefined && (await timingSafeEqual(given, secret));
}

/** Reads the id, which becomes a key of the bucket. @returns  undefined when it is malformed. */
function readId(c: AppContext): string | undefined {
  const id = c.req.param('id');
  return v.is(jobIdSchema, id) ? id : undefined;
}

async function answerStart(
  c: AppContext,
  dependencies: AppDependencies,
  { store, queue }: Jobs,
): Promise<Response> {
  const asked = parseQuery('jobs', c.get('url').searchParams);
  const { hand, vary } = asked;
  if (vary !== undefined && hand === undefined) {
    refuseValue('vary', String(vary), 'none without hand');
  }
  const query = settleHand(asked);
  const plan = (loaded: LoadedModel) => planJob(query, loaded);
  const { modelSource } = dependencies;
  const record = orRefuse(await useModel(modelSource, query.model, c.get('defer'), plan));
  const id = deriveJobId({
    ...record,
    label: record.label ?? undefined,
    hand: record.hand ?? undefined,
  });
  refuseIfMatch(c);
  await store.create(id, record);
  await store.resume(id);
  const progress = await readProgress(store, id);
  const pages = progress?.unfinishedPages ?? [];
  if (pages.length > 0) {
    // A page's message sends its shards. So a start is at most a hundred messages, and can be cut
    // off anywhere.
    const messages = pages.map((page, i) => ({
      body: { job: id, page },
      delaySeconds: Math.floor(i / PAGES_A_SECOND),
    }));
    await queue.sendBatch(messages);
    const shards = progress?.shards.total;
    dependencies.log({ level: 'info', event: 'job_started', job: id, shards });
  }
  return respondProgress(c, progress, pages.length > 0 ? 202 : 200);
}

/** Plans the job's record. @throws Refusal  When the model cannot draw it. */
function planJob(query: Query<'jobs'>, loaded: LoadedModel): JobRecord {
  const { name, version, sampler } = loaded;
  const { seed, start, n, truncation, hand, vary, format } = fillDefaults('jobs', query);
  const { classes, image } = sampler.manifest;
  const { height, width, channels } = image;
  const [label] = findLabels(query.label, undefined, loaded);
  checkHand(query, loaded);
  const shardDigits = chooseShardDigits(height * width * channels, sampler.plan.effort);
  const shards = countShards({ n, shardDigits });
  if (shards > LIMITS.maxJobShards) {
    const maxShards = LIMITS.maxJobShards;
    throw new Refusal({ code: 'job_too_large', shards, shardDigits, maxShards });
  }
  return {
    schema: hand === undefined ? 1 : 2,
    model: { name, version },
    seed,
    start,
    n,
    label: label === undefined ? null : (classes[label] ?? null),
    truncation,
    hand: hand ?? null,
    vary: hand === undefined ? 0 : vary,
    format,
    image: { height, width, channels },
    hasLabels: classes.length > 0,
    shardDigits,
  };
}

async function answerProgress(c: AppContext, { store }: Jobs): Promise<Response> {
  const id = readId(c);
  return respondProgress(c, id === undefined ? undefined : await readProgress(store, id), 200);
}

function respondProgress(
  c: AppContext,
  progress: JobProgress | undefined,
  status: 200 | 202,
): Response {
  if (progress === undefined) {
    throw describeMissing(c);
  }
  const { unfinishedPages: _, ...job } = progress;
  const url = `${c.get('base')}/jobs/${job.id}`;
  const answer: v.InferOutput<typeof jobSchema> = { ...job, url, manifestUrl: `${url}/manifest` };
  const headers = {
    ...PRIVATE_HEADERS,
    [HEADERS.model]: `${job.model.name}@${job.model.version}`,
    ...(status === 202 && { Location: url }),
  };
  return respondJson(answer, headers, status);
}

const describeMissing = (c: AppContext) =>
  new Refusal({ code: 'job_not_found', job: c.req.param('id') ?? '' });

async function answerManifest(c: AppContext, { store }: Jobs): Promise<Response> {
  const { page = 0 } = parseParameters(MANIFEST_PARAMETERS, c.get('url').searchParams);
  const id = readId(c);
  const record = id === undefined ? undefined : (await store.read(id))?.record;
  if (id === undefined || record === undefined) {
    throw describeMissing(c);
  }
  const pages = countPages(record);
  if (page >= pages) {
    const expected = `a whole number from 0 to ${pages - 1}: the pages of this job`;
    refuseValue('page', String(page), expected);
  }
  const stored = await store.listShards(id, record, page);
  const url = `${c.get('base')}/jobs/${id}`;
  const describeFile = (part: SetPart, { name, ...file }: ShardFile) => ({
    url: `${url}/${part}/${name}`,
    ...file,
  });
  const answer: v.InferOutput<typeof jobManifestSchema> = {
    job: id,
    complete: stored.length === listPage(record, page).length,
    shards: stored.map(({ shard, start, n, images, labels }) => ({
      shard,
      start,
      n,
      images: describeFile('images', images),
      labels: labels === undefined ? null : describeFile('labels', labels),
    })),
    next: page + 1 < pages ? `${url}/manifest?page=${page + 1}` : null,
  };
  return respondJson(answer, PRIVATE_HEADERS);
}

/** Sends a shard's file, or a range of it. */
async function answerFile(c: AppContext, { store }: Jobs): Promise<Response> {
  const { part: asked, file = '' } = c.req.param() as Record<string, string>;
  const id = readId(c);
  const part = SET_PARTS.find((each) => each === asked);
  const [, sha256 = '', extension = ''] = FILE_PATTERN.exec(file) ?? [];
  const missing = () => new Refusal({ code: 'not_found', path: c.req.path });
  if (id === undefined || part === undefined || sha256 === '') {
    throw missing();
  }
  const headers = {
    ...PRIVATE_HEADERS,
    'Cache-Control': 'private, max-age=31536000, immutable',
    ETag: `"${sha256}"`,
  };
  if (hasCurrent(c, headers.ETag)) {
    return new Response(null, { status: 304, headers });
  }
  const length = await store.measureFile(id, part, file);
  if (length === undefined) {
    throw missing();
  }
  if (hasCurrent(c, headers.ETag, true)) {
    return new Response(null, { status: 304, headers });
  }
  const range = chooseRange(c, headers.ETag, length);
  const name = `digitmint-${id.slice(0, 8)}-${part}-${file.slice(0, 6)}.${extension}`;
  const content = buildRangeHeaders(
    {
      ...headers,
      'Content-Type': JOB_FORMATS[extension as keyof typeof JOB_FORMATS],
      'Content-Disposition': `attachment; filename="${name}"`,
    },
    length,
    range,
  );
  return c.req.method === 'HEAD'
    ? new Response(null, { headers: content })
    : new Response(await store.openFile(id, part, file, range), {
        status: range.status,
        headers: content,
      });
}
