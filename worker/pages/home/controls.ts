/**
 * A control for every parameter of `/digit`, made from the schema that parses it: ranges, choices and texts are the
 * schema's own, and a parameter without a control does not compile.
 */
import { html } from 'hono/html';
import {
  DIGIT_PARAMETERS,
  NUMBER_PARAMETERS,
  NUMBER_PATH,
} from '../../../shared/contract/digit-query.ts';
import type { Parameter } from '../../../shared/contract/parameters.ts';
import { describeSchema } from '../../http/openapi.ts';
import type { Markup } from '../page.ts';

type Kind = 'count' | 'text' | 'seed' | 'class' | 'flag' | 'colour' | 'choice';

interface ControlNote {
  readonly kind: Kind;
  readonly title: string;
}

type DigitParameter = keyof typeof DIGIT_PARAMETERS;

/** What is to be said of each beside its schema. */
const NOTES: Readonly<Record<DigitParameter, ControlNote>> = {
  n: { kind: 'count', title: 'How many' },
  seed: { kind: 'seed', title: 'Seed' },
  start: { kind: 'count', title: 'Start at' },
  label: { kind: 'class', title: 'Class' },
  cols: { kind: 'count', title: 'Columns' },
  scale: { kind: 'count', title: 'Scale' },
  gap: { kind: 'count', title: 'Gap' },
  margin: { kind: 'count', title: 'Margin' },
  dpr: { kind: 'count', title: 'Device pixels' },
  fg: { kind: 'colour', title: 'Ink' },
  bg: { kind: 'colour', title: 'Paper' },
  smooth: { kind: 'flag', title: 'Smooth' },
  dark_fg: { kind: 'colour', title: 'Ink in the dark' },
  dark_bg: { kind: 'colour', title: 'Paper in the dark' },
  format: { kind: 'choice', title: 'Format' },
  pixels: { kind: 'choice', title: 'Pixels' },
  model: { kind: 'text', title: 'Model' },
  strict: { kind: 'flag', title: 'Strict' },
};

const GROUPS: readonly { readonly title: string; readonly names: readonly DigitParameter[] }[] = [
  { title: 'Which digits', names: ['label', 'seed', 'n', 'start'] },
  { title: 'Layout', names: ['cols', 'scale', 'gap', 'margin', 'dpr', 'smooth'] },
  { title: 'Colours', names: ['fg', 'bg', 'dark_fg', 'dark_bg'] },
  { title: 'Answer', names: ['format', 'pixels', 'model', 'strict'] },
];

/** Those that no group names: none may be forgotten, whatever is added. */
const REST = (Object.keys(DIGIT_PARAMETERS) as DigitParameter[]).filter(
  (name) => !GROUPS.some(({ names }) => names.includes(name)),
);

/** Beyond so many classes buttons are no help. */
const MAX_BUTTONS = 12;

export interface ControlContext {
  readonly classes: readonly string[];
  /** Names that the model control proposes. */
  readonly models: readonly string[];
  /** What the controls start with. */
  readonly values: Readonly<Record<string, string>>;
}

/** The controls in their groups, then the number's own. */
export function renderControls(context: ControlContext): Markup {
  const groups = REST.length > 0 ? [...GROUPS, { title: 'More', names: REST }] : GROUPS;
  return html`${renderField('digits', NUMBER_PATH, { kind: 'text', title: 'The number' }, context, 'number')}
  ${groups.map(
    ({ title, names }) =>
      html`<fieldset class="group">
        <legend>${title}</legend>
        ${names.map((name) => renderField(name, DIGIT_PARAMETERS[name], NOTES[name], context, findModes(name)))}
      </fieldset>`,
  )}`;
}

function findModes(name: DigitParameter): string {
  return name in NUMBER_PARAMETERS ? 'digit number' : 'digit';
}

/** @param modes  Which of /digit and /number take it: the script hides it for the others. */
function renderField(
  name: string,
  parameter: Parameter,
  note: ControlNote,
  context: ControlContext,
  modes: string,
): Markup {
  const { kind, title } = note;
  const isGroup = kind === 'class' && areButtons(context);
  const label = isGroup
    ? html`<span class="label" id="label-${name}">${title} <code>${name}</code></span>`
    : html`<label class="label" for="control-${name}">${title} <code>${name}</code></label>`;
  return html`<div class="field field-${kind}" data-parameter="${name}" data-modes="${modes}">
    ${label} ${renderControl(name, parameter, kind, context)}
    <p class="hint" id="hint-${name}">
      ${parameter.about}${parameter.schema.description ? `: ${parameter.schema.description}` : ''}.
    </p>
    <p class="fault" id="fault-${name}" hidden></p>
  </div>`;
}

function areButtons({ classes }: ControlContext): boolean {
  return classes.length <= MAX_BUTTONS;
}

function renderControl(
  name: string,
  { schema, without }: Parameter,
  kind: Kind,
  context: ControlContext,
): Markup {
  const {
    minimum,
    maximum,
    maxLength,
    enum: choices,
  } = describeSchema(schema) as {
    minimum?: number;
    maximum?: number;
    maxLength?: number;
    enum?: string[];
  };
  const value = context.values[name] ?? '';
  const id = `control-${name}`;
  const described = `hint-${name} fault-${name}`;
  switch (kind) {
    case 'count':
      return html`<input
        type="number"
        id="${id}"
        name="${name}"
        min="${minimum}"
        max="${maximum}"
        step="1"
        inputmode="numeric"
        value="${value}"
        placeholder="${without}"
        aria-describedby="${described}"
      />`;
    case 'flag':
      return html`<input
        type="checkbox"
        role="switch"
        id="${id}"
        name="${name}"
        value="1"
        ${value === '1' ? 'checked' : ''}
        aria-describedby="${described}"
      />`;
    case 'choice':
      return html`<select id="${id}" name="${name}" aria-describedby="${described}">
        ${value === '' ? html`<option value="" selected>${without}</option>` : ''}
        ${(choices ?? [])
          .filter((choice) => value !== '' || choice !== without)
          .map(
            (choice) =>
              html`<option value="${choice}" ${choice === value ? 'selected' : ''}>${choice}</option>`,
          )}
      </select>`;
    case 'colour':
      return html`<span class="joined"
        ><input
          type="color"
          id="swatch-${name}"
          data-swatch="${name}"
          aria-label="Pick: ${NOTES[name as DigitParameter].title}"
          value="#${toHex(value === '' ? without : value)}" /><input
          type="text"
          id="${id}"
          name="${name}"
          value="${value}"
          placeholder="${without}"
          spellcheck="false"
          autocapitalize="none"
          aria-describedby="${described}"
      /></span>`;
    case 'seed':
      return html`<span class="joined"
        ><input
          type="text"
          id="${id}"
          name="${name}"
          maxlength="${maxLength}"
          value="${value}"
          placeholder="fresh every time"
          spellcheck="false"
          autocapitalize="none"
          aria-describedby="${described}"
        /><button type="button" class="dice" data-dice="${id}" aria-label="Another seed">${DICE}</button></span
      >`;
    case 'class':
      return areButtons(context)
        ? html`<span class="chips" role="radiogroup" aria-labelledby="label-${name}" aria-describedby="${described}"
            >${['', ...context.classes].map(
              (one) =>
                html`<label class="chip"
                  ><input type="radio" name="${name}" value="${one}" ${one === value ? 'checked' : ''} /><span
                    >${one === '' ? 'any' : one}</span
                  ></label
                >`,
            )}</span
          >`
        : html`<select id="${id}" name="${name}" aria-describedby="${described}">
            <option value="">any</option>
            ${context.classes.map((one) => html`<option value="${one}" ${one === value ? 'selected' : ''}>${one}</option>`)}
          </select>`;
    case 'text':
      return html`<input
          type="text"
          id="${id}"
          name="${name}"
          maxlength="${maxLength}"
          value="${value}"
          placeholder="${without}"
          spellcheck="false"
          autocapitalize="none"
          aria-describedby="${described}"
          ${name === 'model' ? 'list=models' : ''}
        />${
          name === 'model'
            ? html`<datalist id="models">${context.models.map((model) => html`<option value="${model}"></option>`)}</datalist>`
            : ''
        }`;
  }
}

/** What `<input type=color>` takes: 6 digits, or black. */
function toHex(colour: string): string {
  return /^[0-9a-f]{6}$/i.test(colour) ? colour : '000000';
}

export const DICE = html`<svg viewBox="0 0 24 24" width="18" height="18" aria-hidden="true" focusable="false">
  <rect x="3.5" y="3.5" width="17" height="17" rx="4" fill="none" stroke="currentColor" stroke-width="1.6" />
  <circle cx="8.5" cy="8.5" r="1.5" fill="currentColor" />
  <circle cx="15.5" cy="15.5" r="1.5" fill="currentColor" />
  <circle cx="12" cy="12" r="1.5" fill="currentColor" />
  <circle cx="15.5" cy="8.5" r="1.5" fill="currentColor" />
  <circle cx="8.5" cy="15.5" r="1.5" fill="currentColor" />
</svg>`;
