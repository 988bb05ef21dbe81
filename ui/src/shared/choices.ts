/** Choices that a service knows: how `x-ms-dynamic-values` names a parameter that they depend on. */
import { isObject, type Json } from '../flow-model/definition';

/** The parameter whose value is given; null for a constant. */
export function parameterReference(given: Json | undefined): string | null {
  const reference = isObject(given) ? (given['parameter'] ?? given['parameterReference']) : undefined;
  return typeof reference === 'string' ? reference : null;
}
