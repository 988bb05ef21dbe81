/** A schema that operations share: its fields as a tree, and the whole as JSON. */
import { useEffect, useRef } from 'react';
import { api } from '../../api/client';
import type { Connector, JsonObject, JsonSchema } from '../../api/types';
import { LazyCodeEditor } from '../../shared/LazyCodeEditor';
import { useText } from '../../shared/language';
import { useEdited } from './edited';
import { NOTHING_UNSAVED, type OnUnsaved } from './saver';
import { SchemaTree } from './SchemaTree';
import { connectorsText } from './text';

function schemaOf(text: string): JsonSchema | null {
  try {
    const read = JSON.parse(text) as unknown;
    return typeof read === 'object' && read !== null && !Array.isArray(read) ? (read as JsonSchema) : null;
  } catch {
    return null;
  }
}

export function ReferenceEditor({ connector, document, name, onUnsaved }: { connector: Connector; document: JsonObject; name: string; onUnsaved: OnUnsaved }) {
  const t = useText(connectorsText);
  const held = JSON.stringify((document['definitions'] as JsonObject | undefined)?.[name] ?? {}, null, 2);
  const { value: text, setValue: setText, dirty, setStored } = useEdited(held);
  const schema = schemaOf(text);
  const valid = schema !== null;
  const latest = useRef({ text, document });
  useEffect(() => {
    latest.current = { text, document };
  });
  useEffect(() => {
    const save = async (etag: string, accept: boolean) => {
      const now = latest.current;
      const definitions = { ...(now.document['definitions'] as JsonObject | undefined), [name]: JSON.parse(now.text) as JsonObject };
      const stored = await api.put('/api/connectors/{id}/definition', { path: { id: connector.id }, query: { accept_breaks: accept }, body: { ...now.document, definitions }, etag });
      setStored(now.text);
      return stored;
    };
    onUnsaved({ dirty, save: dirty && valid ? save : null });
    return () => onUnsaved(NOTHING_UNSAVED);
  }, [dirty, valid, connector.id, name, onUnsaved, setStored]);
  return (
    <section className="panel stack" aria-labelledby="reference">
      <h2 id="reference" tabIndex={-1}>{name}</h2>
      <p className="quiet">{t.referenceText}</p>
      {schema && <SchemaTree schema={schema} onChange={(next) => setText(JSON.stringify(next, null, 2))} />}
      <LazyCodeEditor value={text} onChange={setText} language="json" label={t.referenceCode(name)} height={320} />
      {!valid && <p className="bad-text" role="alert">{t.notSchema}</p>}
    </section>
  );
}
