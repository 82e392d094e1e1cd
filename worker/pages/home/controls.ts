/** A control for every parameter of `/digit`, derived from the table of parameters. */
import { html } from 'hono/html';
import {
  describeDefault,
  describeExpected,
  describeSchema,
} from '../../../shared/contract/query.ts';
import {
  CONTROL_GROUPS,
  NUMBER,
  ROUTES,
  type Control,
  type Parameter,
} from '../../../shared/contract/parameters.ts';
import type { Manifest } from '../../../shared/model/artifact.ts';
import { formatColour, type Colour } from '../../../shared/picture/colour.ts';
import { findOwnColours } from '../../../shared/picture/paper.ts';
import type { Markup } from '../page.ts';

/** More classes than this are a list instead of buttons. */
const MAX_BUTTONS = 12;

interface ControlContext {
  readonly classes: readonly string[];
  readonly image: Pick<Manifest['image'], 'channels' | 'paper'>;
  /** The route of pictures, under one of its two names. */
  readonly route: string;
  /** Names that the model control suggests. */
  readonly models: readonly string[];
  /** The controls' first values by parameter. */
  readonly values: Readonly<Record<string, string>>;
}

type Named = Parameter & { readonly name: string; readonly control?: Control };

/** The controls that are seen at first; the others are under "More". */
const FIRST = ['label', 'seed', 'n', 'scale', 'fg', 'bg'];

/** The first controls, after that of the number itself, then the others in their groups. */
export function renderControls(context: ControlContext): Markup {
  const controls = Object.entries<Parameter & { readonly control?: Control }>(ROUTES.digit)
    .map(([name, parameter]): Named => ({ ...parameter, name }))
    // A model without classes takes no label; one in colour takes no colours.
    .filter(({ name }) => name !== 'label' || context.classes.length > 0)
    .filter(({ kind }) => kind !== 'colour' || context.image.channels === 1)
    .sort((a, b) => (a.control?.place ?? 0) - (b.control?.place ?? 0));
  const others = controls.filter(({ name }) => !FIRST.includes(name));
  const groups = CONTROL_GROUPS.map((group) => ({
    group,
    members: others.filter(({ control }) => (control?.group ?? 'More') === group),
  }));
  const render = (control: Named) =>
    renderField(
      control,
      context,
      control.name in ROUTES.number ? `${context.route} number` : context.route,
    );
  return html`${renderField({ ...NUMBER, name: 'digits' }, context, 'number', 'The number')}
    <div class="group">
      ${FIRST.flatMap((name) => controls.filter((control) => control.name === name)).map(render)}
    </div>
    <details class="more" id="more">
      <summary>More</summary>
      ${groups
        .filter(({ members }) => members.length > 0)
        .map(
          ({ group, members }) =>
            html`<fieldset class="group">
            <legend>${group}</legend>
            ${members.map(render)}
          </fieldset>`,
        )}
    </details>`;
}

/** @param routes  The routes that have the parameter: the script hides it for the others, and in
 * formats in which it has no effect. */
function renderField(
  control: Named,
  context: ControlContext,
  routes: string,
  title = control.control?.title ?? control.name,
): Markup {
  const { name, about } = control;
  const look = LOOKS[name] ?? LOOKS[control.kind] ?? (control.kind as Look);
  const isGroup = look === 'class' && context.classes.length <= MAX_BUTTONS;
  const text = html`${title} <code>${name}</code>`;
  const label = isGroup
    ? html`<span class="label" id="label-${name}">${text}</span>`
    : html`<label class="label" id="label-${name}" for="control-${name}">${text}</label>`;
  return html`<div class="field field-${look}" data-parameter="${name}" data-modes="${routes}" data-formats="${control.formats?.join(' ') ?? ''}">
    ${label} ${renderControl(control, look, context, title)}
    <p class="hint" id="hint-${name}">${about}: ${describeExpected(control)}.</p>
    <p class="fault" id="fault-${name}" role="alert" hidden></p>
  </div>`;
}

type Look = 'count' | 'text' | 'seed' | 'class' | 'flag' | 'colour' | 'choice';

/** The looks that differ from the parameter's kind, by name or kind. */
const LOOKS: Readonly<Record<string, Look>> = {
  seed: 'seed',
  label: 'class',
  whole: 'count',
  decimal: 'count',
  model: 'text',
};

function renderControl(control: Named, look: Look, context: ControlContext, title: string): Markup {
  const { name } = control;
  const { minimum, maximum, maxLength } = describeSchema(control) as Record<string, number>;
  const isGrey = context.image.channels === 1;
  const choices = (control.kind === 'choice' ? control.choices : []).filter(
    (choice) => isGrey || choice !== 'svg', // Outlines are of ink.
  );
  const value = context.values[name] ?? '';
  const own: Readonly<Record<string, Colour>> = { ...findOwnColours(context.image.paper) };
  const ownColour = own[name];
  const without = ownColour === undefined ? describeDefault(control) : formatColour(ownColour);
  const described = html`id="control-${name}" name="${name}" aria-describedby="hint-${name} fault-${name}"`;
  const typed = (placeholder: string) => html`<input
    type="text"
    ${described}
    maxlength="${maxLength}"
    value="${value}"
    placeholder="${placeholder}"
    spellcheck="false"
    autocapitalize="none"
    ${name === 'model' ? 'list=models' : ''}
  />`;
  switch (look) {
    case 'count':
      return html`<input
        type="number"
        ${described}
        min="${minimum}"
        max="${maximum}"
        step="${control.kind === 'whole' ? '1' : 'any'}"
        inputmode="${control.kind === 'whole' ? 'numeric' : 'decimal'}"
        value="${value}"
        placeholder="${without}"
      />`;
    case 'flag':
      return html`<input
        type="checkbox"
        role="switch"
        ${described}
        value="1"
        ${value === '1' ? 'checked' : ''}
      />`;
    case 'choice':
      return html`<select ${described}>
        ${value === '' ? html`<option value="" selected>${without}</option>` : ''}
        ${choices
          .filter((choice) => value !== '' || choice !== without)
          .map((choice) => renderOption(choice, choice === value))}
      </select>`;
    case 'colour':
      return html`<span class="joined"
        ><input
          type="color"
          id="swatch-${name}"
          data-swatch="${name}"
          aria-label="Pick: ${title}"
          value="#${toHex(value === '' ? without : value)}" />${typed(without)}</span>`;
    case 'seed':
      return html`<span class="joined"
        >${typed('fresh every time')}<button
          type="button"
          class="dice"
          data-dice="control-${name}"
          aria-label="Another seed"
        >
          ${DICE}
        </button></span
      >`;
    case 'class':
      return renderClasses(LABEL_FIELD, context.classes, value);
    case 'text':
      return html`${typed(without)}${name === 'model' ? html`<datalist id="models">${context.models.map((model) => html`<option value="${model}"></option>`)}</datalist>` : ''}`;
  }
}

function renderOption(value: string, isSelected: boolean, text = value): Markup {
  return html`<option value="${value}" ${isSelected ? 'selected' : ''}>${text}</option>`;
}

/** A choice of a class. @param none  The text for no class. */
interface ClassField {
  readonly name: string;
  readonly none: string;
  /** Its label and description. */
  readonly attributes: Markup;
}

const LABEL_FIELD: ClassField = {
  name: 'label',
  none: 'any',
  attributes: html`aria-labelledby="label-label" aria-describedby="hint-label fault-label"`,
};

/** Buttons of which one is pressed, or a list: each class, and before them none. */
export function renderClasses(
  { name, none, attributes }: ClassField,
  classes: readonly string[],
  value: string,
): Markup {
  const choices = ['', ...classes].map((each) => ({
    each,
    text: each === '' ? none : each,
    isChosen: each === value,
  }));
  return classes.length > MAX_BUTTONS
    ? html`<select id="control-${name}" name="${name}" ${attributes}>${choices.map(({ each, text, isChosen }) => renderOption(each, isChosen, text))}</select>`
    : html`<span class="chips" role="radiogroup" ${attributes}
        >${choices.map(
          ({ each, text, isChosen }) =>
            html`<label class="chip"><input type="radio" name="${name}" value="${each}" ${isChosen ? 'checked' : ''} /><span>${text}</span></label>`,
        )}</span
      >`;
}

/** Writes a colour for `<input type=color>`: 6 hex digits, or black. */
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
