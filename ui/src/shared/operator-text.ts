/** The comparisons of a condition, in words. */
import { defineText } from './language';

export const operatorText = defineText<{ operators: { [operator: string]: string }; wasEmpty: (what: string, operator: string, isNumber: boolean) => string }>(
  {
    operators: {
      equals: 'is equal to', notEquals: 'is not equal to', contains: 'contains', notContains: 'does not contain',
      greater: 'is greater than', greaterOrEquals: 'is greater than or equal to', less: 'is less than', lessOrEquals: 'is less than or equal to',
      startsWith: 'starts with', endsWith: 'ends with',
    },
    wasEmpty: (what: string, operator: string, isNumber: boolean) => `${what} was empty; “${operator}” needs ${isNumber ? 'a number' : 'a value'}.`,
  },
  {
    operators: {
      equals: 'ist gleich', notEquals: 'ist ungleich', contains: 'enthält', notContains: 'enthält nicht',
      greater: 'ist größer als', greaterOrEquals: 'ist größer oder gleich', less: 'ist kleiner als', lessOrEquals: 'ist kleiner oder gleich',
      startsWith: 'beginnt mit', endsWith: 'endet mit',
    },
    wasEmpty: (what: string, operator: string, isNumber: boolean) => `${what} war leer; „${operator}“ braucht ${isNumber ? 'eine Zahl' : 'einen Wert'}.`,
  },
);
