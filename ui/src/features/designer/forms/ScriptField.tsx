/** A script. */
import { useText } from '../../../shared/language';
import { LazyCodeEditor } from '../../../shared/LazyCodeEditor';
import type { FieldProps } from '../fields';
import { formText } from './text';

export function ScriptField({ label, value, onChange, required }: FieldProps) {
  const t = useText(formText);
  return (
    <div>
      <div className="field-label">{label}{required ? ' *' : ''}</div>
      <LazyCodeEditor value={typeof value === 'string' ? value : ''} onChange={onChange} language="text" label={label} height={220} />
      <p className="quiet small">{t.scriptHint}</p>
    </div>
  );
}
