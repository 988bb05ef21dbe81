/** The variables that a flow declares. */
import { forEachAction, isObject, typeOf, valueAt, type JsonObject } from './definition';

/** Types of variables by name, in the order of the file. */
export function variablesOf(definition: JsonObject): Map<string, string> {
  const found = new Map<string, string>();
  forEachAction(definition, (_, action) => {
    if (typeOf(action) !== 'InitializeVariable') return;
    const list = valueAt(action, ['inputs', 'variables']);
    for (const item of Array.isArray(list) ? list : []) {
      if (isObject(item) && typeof item['name'] === 'string' && item['name']) found.set(item['name'], typeof item['type'] === 'string' ? item['type'].toLowerCase() : 'string');
    }
  });
  return found;
}
