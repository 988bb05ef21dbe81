/** What the run history shows of each run: up to three values of the notification, chosen by name or written as text. */
import { Button, Combobox, Option } from '@fluentui/react-components';
import { AddRegular, DismissRegular } from '@fluentui/react-icons';
import { useState } from 'react';
import { valueAt, type Json, type JsonObject } from '../../../flow-model/definition';
import { normalExpression } from '../../../flow-model/references';
import type { ContentToken } from '../../../flow-model/tokens';
import { useText } from '../../../shared/language';
import { settingsText } from '../settings-text';
import { useTriggerValues } from '../tokens';

const PLACE = ['metadata', 'runSummary'];
const MOST = 3;
/** More names than this are found by typing. */
const OFFERED = 60;

const bare = (text: string) => normalExpression(text.replace(/^@\{?|\}$/g, ''));

function Row({ label, value, tokens, onChange, onRemove, removeLabel }: { label: string; value: string; tokens: ContentToken[]; onChange: (value: string) => void; onRemove: () => void; removeLabel: string }) {
  const known = tokens.find((token) => value.startsWith('@') && normalExpression(token.expression) === bare(value));
  const shown = known?.title ?? value;
  const [typed, setTyped] = useState<string | null>(null);
  const wanted = typed?.trim().toLocaleLowerCase() ?? '';
  const offered = tokens.filter((token) => !wanted || `${token.title} ${token.expression}`.toLocaleLowerCase().includes(wanted)).slice(0, OFFERED);
  const leave = () => {
    if (typed !== null && typed !== shown) onChange(tokens.find((token) => token.title === typed) ? `@${tokens.find((token) => token.title === typed)?.expression}` : typed);
    setTyped(null);
  };
  return (
    <div className="row no-wrap">
      <Combobox
        freeform
        className="grow"
        aria-label={label}
        value={typed ?? shown}
        selectedOptions={known ? [known.expression] : []}
        onChange={(event) => setTyped(event.target.value)}
        onBlur={leave}
        onOptionSelect={(_, data) => {
          setTyped(null);
          if (data.optionValue) onChange(`@${data.optionValue}`);
        }}
      >
        {offered.map((token) => <Option key={token.expression} value={token.expression} text={token.title}>{token.title}</Option>)}
      </Combobox>
      <Button size="small" appearance="subtle" icon={<DismissRegular />} aria-label={removeLabel} onClick={onRemove} />
    </div>
  );
}

export function RunSummary({ held, set }: { held: JsonObject; set: (path: string[], value: Json | undefined) => void }) {
  const t = useText(settingsText);
  const tokens = useTriggerValues();
  const stored = valueAt(held, PLACE);
  const values = (Array.isArray(stored) ? stored : []).map((value) => (typeof value === 'string' ? value : JSON.stringify(value)));
  // A row without text is only here.
  const [adding, setAdding] = useState(false);
  const rows = adding ? [...values, ''] : values;
  const store = (next: string[]) => {
    const kept = next.filter((value) => value.trim() !== '');
    const metadata = valueAt(held, ['metadata']);
    const alone = typeof metadata === 'object' && metadata !== null && Object.keys(metadata).every((name) => name === 'runSummary');
    set(kept.length > 0 || !alone ? PLACE : ['metadata'], kept.length > 0 ? kept : undefined);
  };
  return (
    <fieldset className="list-value">
      <legend>{t.runSummary}</legend>
      <div className="quiet small">{t.runSummaryHint}</div>
      {rows.map((value, index) => (
        <Row
          key={`${index} ${value}`}
          label={t.runSummaryValue(index + 1)}
          removeLabel={t.removeRunSummary(index + 1)}
          value={value}
          tokens={tokens}
          onChange={(next) => {
            if (index === values.length) setAdding(false);
            store(rows.map((own, at) => (at === index ? next : own)));
          }}
          onRemove={() => {
            if (index === values.length) setAdding(false);
            else store(values.filter((_, at) => at !== index));
          }}
        />
      ))}
      {rows.length < MOST && <Button size="small" className="left" icon={<AddRegular />} disabled={adding} onClick={() => setAdding(true)}>{t.addRunSummary}</Button>}
    </fieldset>
  );
}
