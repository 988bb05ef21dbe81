/** Names of tokens by their expression, as the schemas give them. */
import { createContext, useContext } from 'react';
import { normalExpression } from '../../flow-model/references';

export const TokenTitles = createContext<ReadonlyMap<string, string>>(new Map());

export const useTokenTitle = (expression: string): string | undefined => useContext(TokenTitles).get(normalExpression(expression));

/** Where the tokens of a field stand: in which step, and how the expression of one is opened. */
export const TokenPlace = createContext<{ step: string | null; edit: (node: string, expression: string) => void }>({ step: null, edit: () => undefined });
