/**
 * The script of the page at `/`. The page works without it.
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
