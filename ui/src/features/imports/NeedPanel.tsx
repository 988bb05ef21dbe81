/** What stands in for one connector that a package needs: mine, its OpenAPI file, a prebuilt one, or built-in steps. */
import { Badge, Button, Field } from '@fluentui/react-components';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useId, useState } from 'react';
import { api } from '../../api/client';
import type { Connector, ConnectorListed } from '../../api/types';
import { BUILTINS } from '../../flow-model/builtins';
import { titleOf } from '../../flow-model/definition';
import { stepKey, works, type Choice, type Choices, type ConnectorStep, type Need, type StepChoice } from '../../flow-model/imported';
import { SUBSTITUTES, substituteFor, type Substitute } from '../../flow-model/replace';
import { ConnectorIcon } from '../../shared/bits';
import { ConnectionPicker } from '../../shared/ConnectionPicker';
import { findingInWords } from '../../shared/codes';
import { useLanguage, useText } from '../../shared/language';
import { LongSelect } from '../../shared/LongSelect';
import { ProblemBar } from '../../shared/ProblemBar';
import { importText } from './text';

/** Values of the choice that are no connector. */
const FILE = '$file';
const REPLACE = '$replace';
const PREBUILT = '$prebuilt ';

const substituteTitle = (by: Substitute, language: 'en' | 'de'): string => BUILTINS.find((item) => item.id === by)?.title[language] ?? by;

function Steps({ need, choices, connector, flows, onChange }: { need: Need; choices: Choices; connector: Connector | undefined; flows: readonly string[]; onChange: (steps: Choices['steps']) => void }) {
  const t = useText(importText);
  const { language } = useLanguage();
  const choice: Choice = choices.needs[need.api] ?? { way: 'open' };
  const operations = connector?.operations;
  const choose = (step: ConnectorStep, value: string) => {
    const { [stepKey(step)]: _before, ...others } = choices.steps;
    const next: StepChoice | null = value.startsWith('by ') ? { by: value.slice(3) as Substitute } : value.startsWith('op ') ? { operation: value.slice(3) } : null;
    onChange(next ? { ...others, [stepKey(step)]: next } : others);
  };
  const becomes = (step: ConnectorStep): string => (step.name === null ? t.byTrigger : substituteTitle(substituteFor(step.call), language));
  return (
    <div className="table-wrap" tabIndex={0} role="region" aria-label={`${need.title}: ${t.steps(need.steps.length)}`}>
      <table className="table">
        <thead><tr><th>{t.step}</th><th>{t.calls}</th><th>{t.becomes}</th></tr></thead>
        <tbody>
          {need.steps.map((step) => {
            const title = step.name === null ? t.trigger : titleOf(step.name);
            const own = choices.steps[stepKey(step)];
            const value = own ? ('by' in own ? `by ${own.by}` : `op ${own.operation}`) : '';
            const isFine = works(step, need, choices, operations);
            const fitting = (operations ?? []).filter((known) => (known.role === 'trigger') === (step.name === null));
            const byOptions = step.name === null ? [{ value: 'by Http', title: t.byTrigger }] : SUBSTITUTES.map((by) => ({ value: `by ${by}`, title: substituteTitle(by, language) }));
            const operationOptions = choice.way === 'connector' && step.operation !== null ? fitting.map((known) => ({ value: `op ${known.operation_id}`, title: t.otherOperation(known.summary || known.operation_id), words: known.operation_id })) : [];
            return (
              <tr key={stepKey(step)}>
                <td><strong>{title}</strong>{flows.length > 1 && <div className="quiet small">{flows[step.flow]}</div>}</td>
                <td><code>{step.call}</code></td>
                <td>
                  <div className="row">
                    <LongSelect
                      aria-label={t.instead(title)}
                      value={value}
                      empty={choice.way === 'replace' ? becomes(step) : t.sameOperation}
                      options={[...operationOptions, ...byOptions]}
                      onChange={(next) => choose(step, next)}
                    />
                    <Badge appearance="tint" color={isFine ? 'success' : 'warning'}>{isFine ? t.works : choice.way === 'connector' ? t.unknownOperation : t.notDecided}</Badge>
                  </div>
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

export function NeedPanel({ need, choices, flows, mine, prebuilt, connector, onChoose, onSteps }: {
  need: Need;
  choices: Choices;
  flows: readonly string[];
  mine: readonly ConnectorListed[];
  prebuilt: readonly { id: string; name: string }[];
  /** The chosen connector with its operations, once they are known. */
  connector: Connector | undefined;
  onChoose: (choice: Choice) => void;
  onSteps: (steps: Choices['steps']) => void;
}) {
  const t = useText(importText);
  const { language } = useLanguage();
  const client = useQueryClient();
  const id = useId();
  const [asksFile, setAsksFile] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [open, setOpen] = useState<boolean | null>(null);
  const choice: Choice = choices.needs[need.api] ?? { way: 'open' };
  const listed = choice.way === 'connector' ? mine.find((item) => item.id === choice.connector) : undefined;
  // The one that fits by its name is offered with what it knows.
  const suggested = useQuery({ queryKey: ['connectors', need.connector ?? ''], enabled: need.connector !== null, queryFn: ({ signal }) => api.get('/api/connectors/{id}', { path: { id: need.connector ?? '' }, signal }) });
  const knows = (known: Connector) => need.steps.filter((step) => step.operation === null || known.operations.some((own) => own.operation_id === step.operation)).length;
  const titleOfMine = (item: ConnectorListed) => {
    const whole = item.id === connector?.id ? connector : item.id === suggested.data?.id ? suggested.data : null;
    return whole ? t.mine(item.name, knows(whole), need.steps.length) : item.name;
  };
  const use = (made: { id: string }) => {
    setAsksFile(false);
    void client.invalidateQueries({ queryKey: ['connectors'] });
    onChoose({ way: 'connector', connector: made.id, connection: null });
  };
  const choose = (value: string) => {
    setError(null);
    setAsksFile(value === FILE);
    if (value === FILE) onChoose({ way: 'open' });
    else if (value === REPLACE) onChoose({ way: 'replace' });
    else if (value.startsWith(PREBUILT)) api.post('/api/connectors', { body: { prebuilt: value.slice(PREBUILT.length) } }).then(use).catch(setError);
    else onChoose(value ? { way: 'connector', connector: value, connection: null } : { way: 'open' });
  };
  const importFile = (files: FileList | null) => {
    const [file] = files ?? [];
    if (!file) return;
    setError(null);
    api.post('/api/connectors/check', { form: { file } })
      .then((check) => {
        const wrong = check.diagnostics.find((finding) => finding.severity === 'error');
        if (!check.valid) throw new Error(`${t.notAConnector} ${wrong ? findingInWords(wrong, language).message : ''}`);
        return api.post('/api/connectors', { form: { file, settings: check.title ? {} : { name: need.title } } });
      })
      .then(use)
      .catch(setError);
  };
  const missing = need.steps.filter((step) => !works(step, need, choices, connector?.operations)).length;
  const shown = open ?? (choice.way === 'connector' && missing > 0 && connector !== undefined);
  const value = asksFile ? FILE : choice.way === 'replace' ? REPLACE : choice.way === 'connector' ? choice.connector : '';
  return (
    <section className="panel stack" aria-labelledby={id}>
      <div className="row">
        <ConnectorIcon url={listed?.icon_url ?? null} color={listed?.color} name={need.title} />
        <h2 id={id} className="grow">{need.title} <span className="quiet small">{t.steps(need.steps.length)}</span></h2>
        <Badge appearance="tint" color={missing === 0 ? 'success' : 'warning'}>{t.extent(need.steps.length - missing, need.steps.length)}</Badge>
      </div>
      <Field label={t.use(need.title)}>
        <LongSelect
          value={value}
          empty={t.decide}
          options={[...mine].sort((one, two) => Number(two.id === need.connector) - Number(one.id === need.connector)).map((item) => ({ value: item.id, title: titleOfMine(item) }))}
          always={[
            ...prebuilt.filter((item) => !mine.some((own) => own.name === item.name)).map((item) => ({ value: `${PREBUILT}${item.id}`, title: t.prebuilt(item.name) })),
            { value: FILE, title: t.file },
            { value: REPLACE, title: t.replace },
          ]}
          onChange={choose}
        />
      </Field>
      {asksFile && <Field label={t.openApi(need.title)}><input type="file" aria-label={t.openApi(need.title)} accept=".json,.yaml,.yml,application/json" onChange={(event) => importFile(event.target.files)} /></Field>}
      <ProblemBar error={error} />
      {listed && choice.way === 'connector' && <ConnectionPicker connector={listed} chosen={choice.connection ?? ''} onChoose={(connection) => onChoose({ ...choice, connection: connection || null })} />}
      <Button appearance="subtle" className="left" aria-expanded={shown} onClick={() => setOpen(!shown)}>{shown ? t.hideSteps : t.showSteps}</Button>
      {shown && <Steps need={need} choices={choices} connector={connector} flows={flows} onChange={onSteps} />}
    </section>
  );
}
