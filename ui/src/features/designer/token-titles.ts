/** Names of tokens by their expression, as the schemas give them. */
import { createContext, useContext } from 'react';
import { normalExpression } from '../../flow-model/references';

export const TokenTitles = createContext<ReadonlyMap<string, string>>(new Map());

export const useTokenTitle = (expression: string): string | undefined => useContext(TokenTitles).get(normalExpression(expression));

/** Opens the expression of a token in the field's editor. */
export const EditToken = createContext<(node: string, expression: string) => void>(() => undefined);
