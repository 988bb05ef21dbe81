/** The whole definition as text. What is not valid JSON yet stays in the editor alone. */
import { useEffect, useRef, useState } from 'react';
import { isObject, type JsonObject } from '../../flow-model/definition';
import { LazyCodeEditor } from '../../shared/LazyCodeEditor';
import { useText } from '../../shared/language';
import type { Edited } from './state';
import { designerText } from './text';

export function CodePage({ edited, onChange }: { edited: Edited; onChange: (definition: JsonObject) => void }) {
  const t = useText(designerText);
  const [text, setText] = useState(() => JSON.stringify(edited.definition, null, 2));
  const [valid, setValid] = useState(true);
  const told = useRef(edited.definition);
  // Undo, redo and others' versions come in; what was typed here is not formatted anew.
  useEffect(() => {
    if (edited.definition === told.current) return;
    told.current = edited.definition;
    setText(JSON.stringify(edited.definition, null, 2));
    setValid(true);
  }, [edited.definition]);
  const take = (next: string) => {
    if (next === text) return;
    setText(next);
    try {
      const parsed = JSON.parse(next) as JsonObject;
      const fits = isObject(parsed);
      setValid(fits);
      if (!fits) return;
      told.current = parsed;
      onChange(parsed);
    } catch {
      setValid(false);
    }
  };
  return (
    <div className="code-page stack">
      {!valid && <p className="quiet" role="status">{t.notJson}</p>}
      <LazyCodeEditor value={text} onChange={take} language="json" label={t.definitionLabel} height={4000} />
    </div>
  );
}
