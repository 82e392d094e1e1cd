/** The guides as dev/build/guides.ts renders them and worker/pages/ serves them. */

export interface Guide {
  /** The last part of its URL, and its file's name in docs/; of a card, its model. */
  readonly slug: string;
  /** BCP 47. */
  readonly language: string;
  readonly title: string;
  /** The first sentence: who needs the page, and for what. */
  readonly lead: string;
  /** HTML after the title. `https://YOUR-WORKER` stands for the service's own address. */
  readonly html: string;
}

/** The guides in the order of the navigation, by whom they are for. */
export const GUIDE_GROUPS = {
  'On a page': ['embed', 'hand', 'api'],
  'As data': ['dataset', 'recipe', 'jobs'],
  'Train and learn': ['training', 'own-data', 'gpu', 'experiments', 'evaluation', 'quality'],
  'Run the service': ['deploy', 'self-host', 'publication', 'architecture', 'speed', 'scale'],
  /** The cards in models/NAME/README.md. */
  'The shipped models': ['digits', 'digits-small'],
} as const;

/** The page at `/docs`. */
export const START_SLUG = 'quick-start';
/** The page at `/learn`; its translations lie beside it as `learn.LANGUAGE.md`. */
export const LEARN_SLUG = 'learn';
