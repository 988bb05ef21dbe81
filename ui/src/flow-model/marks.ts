/** What is special about a step, for small marks on its card. */
import { isObject, runAfterOf, valueAt, type JsonObject } from './definition';

export type Mark = 'runAfter' | 'secure' | 'static' | 'retry' | 'timeout' | 'concurrency' | 'splitOn' | 'conditions';

export const isSecure = (step: JsonObject): boolean => {
  const properties = valueAt(step, ['runtimeConfiguration', 'secureData', 'properties']);
  return Array.isArray(properties) && properties.length > 0;
};

export const hasStaticResult = (step: JsonObject): boolean => valueAt(step, ['runtimeConfiguration', 'staticResult', 'staticResultOptions']) === 'Enabled';

/** Statuses other than success that an action waits for, each once. */
export function otherStatuses(step: JsonObject): string[] {
  const all = Object.values(runAfterOf(step)).flatMap((statuses) => (Array.isArray(statuses) ? statuses : []));
  return [...new Set(all.filter((status): status is string => typeof status === 'string' && status.toLowerCase() !== 'succeeded'))];
}

/** None for the policy that counts where none is written. */
export function retryOf(step: JsonObject): JsonObject | null {
  const policy = valueAt(step, ['inputs', 'retryPolicy']);
  return isObject(policy) && String(policy['type'] ?? 'default').toLowerCase() !== 'default' ? policy : null;
}

export function marksOf(step: JsonObject): Mark[] {
  const marks: Mark[] = [];
  if (otherStatuses(step).length > 0) marks.push('runAfter');
  if (retryOf(step)) marks.push('retry');
  // A loop has limits of its own, which are part of what it does.
  if (step['type'] !== 'Until' && valueAt(step, ['limit', 'timeout']) !== undefined) marks.push('timeout');
  if (isObject(valueAt(step, ['runtimeConfiguration', 'concurrency'])) || String(step['operationOptions'] ?? '').split(',').some((option) => ['sequential', 'singleinstance'].includes(option.trim().toLowerCase()))) marks.push('concurrency');
  if (step['splitOn'] !== undefined) marks.push('splitOn');
  if (Array.isArray(step['conditions']) && step['conditions'].length > 0) marks.push('conditions');
  if (isSecure(step)) marks.push('secure');
  if (hasStaticResult(step)) marks.push('static');
  return marks;
}
