/**
 * The script of the page at `/`. All that it does is an addition: the page is whole without it.
 */
import { addCopying } from './copying.ts';
import { addDice } from './dice.ts';
import { find } from './elements.ts';
import { addExplorerStart } from './explorer/start.ts';
import { addMinting } from './minting.ts';
import { addPlayground } from './play/playground.ts';
import { addTraining } from './training.ts';

addCopying();
addDice();
addMinting();
addPlayground();
addExplorerStart(find('explore', HTMLElement));
addTraining();
