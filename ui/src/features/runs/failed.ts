/** Which step of a run to look at first when something failed. */
import type { ActionRun } from '../../api/types';
import { caseInWords } from '../../flow-model/cases';
import { containersOf, findAction, type Branch, type JsonObject } from '../../flow-model/definition';

/** Whether an action failed; in a loop, whether any of its repetitions did. */
export const hasFailed = (action: ActionRun): boolean => action.failed_repetitions > 0;

/**
 * The action that failed first, as deep inside of containers as it stands: a container only says that something in it
 * failed. Undefined where nothing did.
 */
export function firstFailed(definition: JsonObject, actions: readonly ActionRun[]): ActionRun | undefined {
  const failed = actions.filter(hasFailed);
  const around = new Set(failed.flatMap((action) => containersOf(findAction(definition, action.name)?.place ?? [])));
  const causes = failed.filter((action) => !around.has(action.name));
  return causes.reduce<ActionRun | undefined>((first, action) => (first === undefined || (action.ended_at ?? '') < (first.ended_at ?? '') ? action : first), undefined);
}

/** What failed first inside of a container. Undefined where nothing inside did. */
export function failedInside(definition: JsonObject, actions: readonly ActionRun[], container: string): ActionRun | undefined {
  return firstFailed(definition, actions.filter((action) => containersOf(findAction(definition, action.name)?.place ?? []).includes(container)));
}

/** What a condition or switch chose: "If yes", the value of a case. */
export const branchInWords = (step: JsonObject, branch: string, words: { [branch: string]: string }): string => caseInWords(step, branch) || words[branch.toLowerCase()] || branch;

/** Whether a branch of a container is the one that was taken; undefined where none was chosen. */
export function isTaken(chosen: string | null | undefined, branch: Branch): boolean | undefined {
  if (!chosen) return undefined;
  const own = branch.kind === 'yes' ? 'true' : branch.kind === 'no' ? 'false' : branch.kind === 'case' ? (branch.name ?? '') : branch.kind;
  return own.toLowerCase() === chosen.toLowerCase();
}
