/** What the definitions of the round trip look like to tests in TypeScript. */
import type { JsonObject } from '../../src/flow-model/definition';

export const DEFINITIONS: { [name: string]: JsonObject };
export const NOTE_BEFORE: string;
export function withNote(definition: JsonObject, inputs: string): JsonObject;
