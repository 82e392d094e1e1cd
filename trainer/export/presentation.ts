/** What a manifest says of how a model's pictures look and what they show. Pure. */
import { ExpectedError } from '../../shared/expected-error.ts';
import { HANDWRITTEN_DIGITS, type Subject } from '../../shared/model/subject.ts';
import { formatColour } from '../../shared/picture/colour.ts';
import type { Dataset } from '../data/dataset.ts';
import { measurePaper, omitBlack } from './paper.ts';

/** As the user gave them. `paper` is red, green and blue. */
interface Given {
  readonly paper?: readonly number[];
  readonly subject?: Subject;
}

/** Absent fields mean black paper and handwritten digits. */
interface Presentation {
  readonly paper: readonly number[] | undefined;
  readonly subject: Subject | undefined;
}

const PICTURES: Subject = { one: 'picture', many: 'pictures' };

/** @throws ExpectedError  When grey pictures are given coloured paper. */
export function planPresentation(
  dataset: Pick<Dataset, 'channels' | 'classes' | 'count' | 'height' | 'images' | 'width'>,
  { paper, subject }: Given = {},
): Presentation {
  const { channels, classes } = dataset;
  if (paper !== undefined && channels === 1 && paper.some((level) => level !== paper[0])) {
    throw new ExpectedError(
      `--paper ${nameColour(paper)}: the pictures are grey. Give a grey, such as ffffff, or leave --paper out.`,
    );
  }
  const areDigits = classes.length === 10 && classes.every((name, i) => name === String(i));
  return {
    paper: paper === undefined ? measurePaper(dataset) : omitBlack(paper.slice(0, channels)),
    subject: subject ?? (areDigits ? undefined : PICTURES),
  };
}

/** Describes a presentation in two lines of a plan. */
export function describePresentation(
  { paper, subject }: Presentation,
  given: Given = {},
): [name: string, value: string][] {
  const colour = nameColour(paper ?? [0]);
  const source =
    given.paper === undefined ? 'measured at the borders; --paper gives another' : 'given';
  const { one, many } = subject ?? HANDWRITTEN_DIGITS;
  const words = given.subject === undefined ? '; --subject ONE,MANY names them' : '';
  return [
    ['paper', `${colour}, ${source}`],
    ['subject', `${one}, ${many}${words}`],
  ];
}

function nameColour(paper: readonly number[]): string {
  const [red = 0, green = red, blue = red] = paper;
  return formatColour([red, green, blue, 255]);
}
