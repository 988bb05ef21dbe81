/** What a change of the flow is called, for those who hear it rather than see it. */
import { differences } from '../../flow-model/compare';
import { titleOf } from '../../flow-model/definition';
import { isSameSteps } from '../../flow-model/structure';
import type { Edited } from './state';

const SAID_MAX = 3;

/** "HTTP removed, Condition changed"; empty where only something else than steps differs. */
export function changeInWords(before: Edited, after: Edited, words: { kinds: { [kind: string]: string }; trigger: string; name: string; connections: string; moved: string }): string {
  const all = differences(before.definition, after.definition);
  // What came or went changes what its neighbours run after; that goes without saying.
  const own = all.filter(({ kind }) => kind !== 'changed');
  const found = own.length > 0 ? own : all;
  const said = found.slice(0, SAID_MAX).map(({ step, kind }) => `${step === null ? words.trigger : titleOf(step)} ${words.kinds[kind] ?? ''}`);
  if (found.length > SAID_MAX) said.push(`+ ${found.length - SAID_MAX}`);
  if (found.length === 0 && !isSameSteps(before.definition, after.definition)) said.push(words.moved);
  if (before.name !== after.name) said.push(words.name);
  if (before.connections !== after.connections) said.push(words.connections);
  return said.join(', ');
}
