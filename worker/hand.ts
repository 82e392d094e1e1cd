/** The parameters `hand` and `to` of drawn answers. */
import { HAND_SEED, type ModelChoice } from '../shared/contract/parameters.ts';
import { Refusal, refuseValue } from '../shared/contract/refusal.ts';
import { formatHand, parseHand, type Hand } from '../shared/hand/hand-text.ts';
import { nameVersion } from '../shared/model/artifact.ts';
import type { GivenHand } from '../shared/model/sampler.ts';
import type { LoadedModel } from './models/model-cache.ts';

interface HandQuery {
  readonly seed?: string | undefined;
  readonly model?: ModelChoice | undefined;
  readonly hand?: string | undefined;
  readonly to?: string | undefined;
}

/** The parameters that are hands. */
const NAMES = ['hand', 'to'] as const;

/**
 * Checks the texts of a query's hands. A hand decides the model's version and needs no seed.
 * @returns  The query itself where it has no hand.
 * @throws Refusal
 */
export function settleHand<Q extends HandQuery>(query: Q): Q {
  if (query.hand === undefined) {
    return query;
  }
  let { model } = query;
  for (const parameter of NAMES) {
    const received = query[parameter];
    const hand = received === undefined ? undefined : parseHand(received);
    if (hand === undefined || received === undefined) {
      continue;
    }
    if ('expected' in hand) {
      refuseValue(parameter, received, hand.expected);
    }
    const { name, version } = hand.model;
    if (model !== undefined && (model.name !== name || (model.version ?? version) !== version)) {
      const other = { hand: nameVersion(hand.model), model: nameVersion(model) };
      throw new Refusal({ code: 'hand_of_other_model', ...other });
    }
    model = { name, version, parameter };
  }
  return { ...query, model, seed: query.seed ?? HAND_SEED };
}

/** Checks that the hands have as many numbers as the model's latent vectors. @throws Refusal */
export function checkHand(query: HandQuery, { sampler }: LoadedModel): void {
  if (query.hand === undefined) {
    return; // Then `to` has no effect.
  }
  const { name, version, latent } = sampler.manifest;
  for (const parameter of NAMES) {
    const received = query[parameter];
    if (received === undefined) {
      continue;
    }
    const { length } = readText(received).latents;
    if (length !== latent.size) {
      const { length: characters } = formatHand({
        model: { name: '', version: '' },
        latents: new Float32Array(latent.size),
      }).slice(4);
      const expected = `${characters} characters after the last dot, ${latent.size} numbers of ${name}@${version}, not ${length}`;
      refuseValue(parameter, received, expected);
    }
  }
}

/** Reads hands that `settleHand` accepted. */
export function readHand(hand: string, vary: number, to?: string): GivenHand {
  return {
    latents: readText(hand).latents,
    to: to === undefined ? undefined : readText(to).latents,
    vary,
  };
}

function readText(text: string): Hand {
  const hand = parseHand(text);
  if ('expected' in hand) {
    throw new Error(`expected ${hand.expected}`);
  }
  return hand;
}
