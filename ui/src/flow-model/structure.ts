/** What the picture of a flow depends on: which steps there are, where, and after which others they run. */
import { branchesOf, forEachAction, runAfterOf, triggerOf, typeOf, type JsonObject } from './definition';

/** The same text for two definitions that are drawn alike: typing into a field does not move a card. */
export function structureOf(definition: JsonObject): string {
  const parts: string[] = [triggerOf(definition) ? 'trigger' : ''];
  forEachAction(definition, (name, action, place) => {
    parts.push(place.join('/'), name, typeOf(action), JSON.stringify(runAfterOf(action)));
    for (const branch of branchesOf(action)) parts.push(branch.path.join('/'));
  });
  return parts.join('\n');
}

export const isSameSteps = (one: JsonObject, other: JsonObject): boolean => structureOf(one) === structureOf(other);
