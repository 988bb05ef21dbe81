/**
 * A connector that is being made: what was imported and typed, until *Create connector* stores it at the server. It is
 * kept in this browser, files too, so that it survives a reload. Secrets are no part of it: they are typed again.
 */
import type { ConnectorCheck, ConnectorSettings } from '../../api/types';

export interface Draft {
  /** The OpenAPI file or Postman collection. */
  file: File | null;
  /** `apiProperties.json` */
  properties: File | null;
  check: ConnectorCheck | null;
  settings: ConnectorSettings;
  icon: File | null;
}

const COLOR = '#2b5fc7';

export const blankDraft = (): Draft => ({
  file: null,
  properties: null,
  check: null,
  settings: { name: '', description: '', scheme: 'https', host: '', base_path: '/', color: COLOR, authentication: { type: 'none' } },
  icon: null,
});

/** The draft of an import: its own title, host and first authentication are preselected. */
export function draftOf(files: Pick<Draft, 'file' | 'properties' | 'icon'>, check: ConnectorCheck): Draft {
  return {
    ...files,
    check,
    settings: {
      name: check.title,
      description: check.description,
      scheme: check.scheme || 'https',
      host: check.host,
      base_path: check.base_path || '/',
      color: check.color || COLOR,
      authentication: check.authentication[0] ?? { type: 'none' },
    },
  };
}

/** The files of an import by what they are: Power Platform's own names, else by their kind. */
export function sortedFiles(files: File[]): Pick<Draft, 'file' | 'properties' | 'icon'> {
  const properties = files.find((file) => /properties.*\.json$/i.test(file.name)) ?? null;
  const icon = files.find((file) => file.type.startsWith('image/')) ?? null;
  const others = files.filter((file) => file !== properties && !/settings.*\.json$/i.test(file.name));
  // A picture alone is sent as the document, so that the server says what it is.
  const file = others.find((other) => other !== icon) ?? (files.length === 1 ? (files[0] ?? null) : null);
  return { file, properties: properties === file ? null : properties, icon: icon === file ? null : icon };
}

const STORE = 'drafts';

function inStore<T>(mode: IDBTransactionMode, act: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  return new Promise((done, fail) => {
    const opening = window.indexedDB.open('hookmill-drafts', 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
    opening.onerror = () => fail(opening.error ?? new Error('no database'));
    opening.onsuccess = () => {
      const database = opening.result;
      try {
        const transaction = database.transaction(STORE, mode);
        const asked = act(transaction.objectStore(STORE));
        transaction.oncomplete = () => {
          database.close();
          done(asked.result);
        };
        transaction.onabort = () => {
          database.close();
          fail(transaction.error ?? new Error('not stored'));
        };
      } catch (error) {
        database.close();
        fail(error instanceof Error ? error : new Error(String(error)));
      }
    };
  });
}

/** What is newest, by user; also where the browser keeps nothing. */
const current = new Map<string, Draft>();
const writing = new Map<string, Promise<boolean>>();

const isBlank = (draft: Draft) => JSON.stringify(draft) === JSON.stringify(blankDraft());

/** The draft of a user; null where there is none. */
export async function keptDraft(user: string): Promise<Draft | null> {
  const known = current.get(user);
  if (known) return isBlank(known) ? null : known;
  const stored = await inStore<Draft | undefined>('readonly', (store) => store.get(user) as IDBRequest<Draft | undefined>).catch(() => undefined);
  if (stored && !current.has(user)) current.set(user, stored);
  return stored ?? null;
}

/** Keeps a draft; says whether the browser did, else it lasts until the page is left. Writes follow one another. */
export function keepDraft(user: string, draft: Draft): Promise<boolean> {
  current.set(user, draft);
  const write = async () => {
    // A newer one is written by its own turn.
    if (current.get(user) !== draft) return true;
    await inStore('readwrite', (store) => store.put(draft, user));
    return true;
  };
  const turn = (writing.get(user) ?? Promise.resolve(true)).then(write).catch(() => false);
  writing.set(user, turn);
  return turn;
}

export async function dropDraft(user: string): Promise<void> {
  current.set(user, blankDraft());
  await (writing.get(user) ?? Promise.resolve());
  await inStore('readwrite', (store) => store.delete(user)).catch(() => undefined);
}
