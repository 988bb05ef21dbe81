/** A connector that is being made: what was imported, kept until *Create connector* stores it at the server. */
import type { ConnectorCheck, ConnectorSettings } from '../../api/types';

export interface Draft {
  file: File | null;
  check: ConnectorCheck | null;
  settings: ConnectorSettings;
  icon: File | null;
}

export const blankDraft = (): Draft => ({
  file: null,
  check: null,
  settings: { name: '', description: '', scheme: 'https', host: '', base_path: '/', color: '#2b5fc7', authentication: { type: 'none' } },
  icon: null,
});

/** The draft of a file: its own title, host and first authentication are preselected. */
export function draftOf(file: File, check: ConnectorCheck): Draft {
  return {
    file,
    check,
    settings: {
      name: check.title,
      description: check.description,
      scheme: check.scheme || 'https',
      host: check.host,
      base_path: check.base_path || '/',
      color: '#2b5fc7',
      authentication: check.authentication[0] ?? { type: 'none' },
    },
    icon: null,
  };
}

let current: Draft = blankDraft();
export const keptDraft = (): Draft => current;
export const keepDraft = (draft: Draft): void => {
  current = draft;
};
