/** The cases of a Switch: renamed in place, valued, ordered, added and removed. */
import { Button, Field, Input, Select } from '@fluentui/react-components';
import { AddRegular, ArrowDownRegular, ArrowUpRegular, DismissRegular } from '@fluentui/react-icons';
import { useState } from 'react';
import { addCase, casesOf, isMovable, moveCase, removeCase, renameCase, setCaseValue, type Case } from '../../../flow-model/cases';
import type { JsonObject } from '../../../flow-model/definition';
import { useText } from '../../../shared/language';
import { useDesigner } from '../context';
import { formText } from './text';

const WHOLE = /^-?\d+$/;

/** Stored when one leaves the field: every letter of a name would be another case. */
function NameOfCase({ step, name }: { step: string; name: string }) {
  const t = useText(formText);
  const { edited, edit } = useDesigner();
  const [text, setText] = useState(name);
  const [taken, setTaken] = useState(false);
  const store = () => {
    if (!text.trim()) return setText(name);
    const renamed = renameCase(edited.definition, step, name, text);
    setTaken(renamed === null);
    if (renamed && renamed !== edited.definition) edit((held) => ({ ...held, definition: renamed }));
  };
  return (
    <Field validationMessage={taken ? t.caseTaken : undefined} className="grow">
      <Input aria-label={t.caseName(name)} data-case={name} value={text} onChange={(_, data) => setText(data.value)} onBlur={store} onKeyDown={(event) => event.key === 'Enter' && store()} />
    </Field>
  );
}

function ValueOfCase({ step, own, twice }: { step: string; own: Case; twice: boolean }) {
  const t = useText(formText);
  const { edit } = useDesigner();
  const [asNumber, setAsNumber] = useState(typeof own.value === 'number');
  const text = own.value === undefined || own.value === null ? '' : String(own.value);
  const isNumber = typeof own.value === 'number' || asNumber;
  const store = (next: string, number: boolean) =>
    edit((held) => ({ ...held, definition: setCaseValue(held.definition, step, own.name, number && WHOLE.test(next) ? Number(next) : next) }), `${step}/case/${own.name}`);
  const wrong = isNumber && text !== '' && !WHOLE.test(text) ? t.caseNoNumber : twice ? t.caseTwice : undefined;
  return (
    <Field label={t.caseEquals(own.name)} required validationMessage={wrong}>
      <div className="case-value">
        <Input value={text} onChange={(_, data) => store(data.value, isNumber)} />
        <Select
          aria-label={t.caseType(own.name)}
          value={isNumber ? 'number' : 'text'}
          onChange={(_, data) => {
            setAsNumber(data.value === 'number');
            store(text, data.value === 'number');
          }}
        >
          <option value="text">{t.caseText}</option>
          <option value="number">{t.caseNumber}</option>
        </Select>
      </div>
    </Field>
  );
}

export function CasesField({ step, held }: { step: string; held: JsonObject }) {
  const t = useText(formText);
  const { edit } = useDesigner();
  const cases = casesOf(held);
  const change = (make: (definition: JsonObject) => JsonObject) => edit((before) => ({ ...before, definition: make(before.definition) }));
  return (
    <fieldset className="list-value">
      <legend>{t.cases}</legend>
      {cases.map((own, index) => (
        <div key={own.name} className="condition-row">
          <div className="row no-wrap">
            <NameOfCase step={step} name={own.name} />
            <Button size="small" appearance="subtle" icon={<ArrowUpRegular />} aria-label={t.caseUp(own.name)} disabled={!isMovable(own.name) || !isMovable(cases[index - 1]?.name ?? '0')} onClick={() => change((definition) => moveCase(definition, step, own.name, -1))} />
            <Button size="small" appearance="subtle" icon={<ArrowDownRegular />} aria-label={t.caseDown(own.name)} disabled={!isMovable(own.name) || index === cases.length - 1} onClick={() => change((definition) => moveCase(definition, step, own.name, 1))} />
            <Button size="small" appearance="subtle" icon={<DismissRegular />} aria-label={t.removeCase(own.name)} onClick={() => change((definition) => removeCase(definition, step, own.name))} />
          </div>
          <ValueOfCase step={step} own={own} twice={own.value !== '' && cases.some((other) => other.name !== own.name && other.value === own.value)} />
        </div>
      ))}
      <p className="quiet small">{t.caseDefault}</p>
      <Button className="left" size="small" icon={<AddRegular />} onClick={() => change((definition) => addCase(definition, step))}>{t.addCase}</Button>
    </fieldset>
  );
}
