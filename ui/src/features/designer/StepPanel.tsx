/** The panel of a card: its name, parameters, settings, what it runs after, its code. */
import { Button, Field, Input, Menu, MenuItem, MenuList, MenuPopover, MenuTrigger, Tab, TabList } from '@fluentui/react-components';
import { MoreHorizontalRegular } from '@fluentui/react-icons';
import { useMemo, useState } from 'react';
import { builtinOf } from '../../flow-model/builtins';
import { isObject, titleOf, triggerOf, wrongWithName, type JsonObject } from '../../flow-model/definition';
import { pathCallOf } from '../../flow-model/host';
import { renameAction, renameTrigger, replaceStep, setMember } from '../../flow-model/edits';
import { LazyCodeEditor } from '../../shared/LazyCodeEditor';
import { useText } from '../../shared/language';
import { Loaded } from '../../shared/page';
import { ProblemBar } from '../../shared/ProblemBar';
import { AboutTab } from './AboutTab';
import { BuiltinForm } from './BuiltinForm';
import { ConnectionChoice } from './ConnectionChoice';
import { stepOf, useConnections, useConnectors, useDesigner, useOperation } from './context';
import { FieldFocus } from './field-focus';
import { JsonValue } from './fields';
import { CardMenuItems } from './Menus';
import { ParameterForm } from './ParameterForm';
import { RecurrenceField } from './forms/RecurrenceField';
import { RunAfterForm } from './RunAfterForm';
import { SettingsForm } from './SettingsForm';
import { connectorOf, hostOf } from './state';
import { designerText } from './text';
import { TokenTitles } from './token-titles';
import { useTokens } from './tokens';

function NameField({ step }: { step: string | null }) {
  const t = useText(designerText);
  const { edited, edit, open } = useDesigner();
  const current = titleOf(step ?? triggerOf(edited.definition)?.name ?? '');
  const [text, setText] = useState(current);
  const [taken, setTaken] = useState(false);
  const wrong = wrongWithName(text);
  const store = () => {
    if (text === current || !text.trim()) {
      setText(current);
      return;
    }
    // What cannot be a name stays in the field, with the reason, for whoever typed it to change.
    if (wrong) return;
    if (step === null) {
      edit((held) => ({ ...held, definition: renameTrigger(held.definition, text) }));
      return;
    }
    const renamed = renameAction(edited.definition, step, text);
    setTaken(renamed === null);
    if (renamed) {
      edit((held) => ({ ...held, definition: renamed.definition }));
      open(renamed.name);
    }
  };
  return (
    <Field validationMessage={wrong ? ('signs' in wrong ? t.nameSigns(wrong.signs) : t.nameTooLong(wrong.tooLong)) : taken ? t.nameTaken : undefined} className="grow step-name">
      <Input appearance="underline" size="large" value={text} aria-label={t.rename} onChange={(_, data) => setText(data.value)} onBlur={store} onKeyDown={(event) => event.key === 'Enter' && store()} />
    </Field>
  );
}

function Parameters({ step, held }: { step: string | null; held: JsonObject }) {
  const { edited, edit } = useDesigner();
  const t = useText(designerText);
  const connections = useConnections();
  const connectors = useConnectors();
  const host = hostOf(held);
  const connectorId = connectorOf(held, edited.connections, connections.data ?? []);
  const operation = useOperation(connectorId, host?.operation ?? null);
  const builtin = builtinOf(held, step === null ? 'trigger' : 'action');
  const byPath = pathCallOf(held);
  if (builtin && !byPath) return <BuiltinForm step={step} held={held} builtin={builtin} />;
  if (builtin && byPath) {
    const connection = edited.connections[byPath.key];
    const bound = connections.data?.find((item) => item.id === connection?.connection_id);
    const connector = (connectors.data?.items ?? []).find((item) => item.id === bound?.connector.id);
    return (
      <div className="stack">
        <BuiltinForm step={step} held={held} builtin={builtin} />
        {connector && <ConnectionChoice connectionKey={byPath.key} connector={connector} />}
      </div>
    );
  }
  if (host) {
    const all = connectors.data?.items ?? [];
    const connector = all.find((item) => item.id === connectorId) ?? all.find((item) => item.name.toLowerCase().replace(/[^a-z0-9]/g, '') === host.api.replace(/^shared_/, '').toLowerCase().replace(/[^a-z0-9]/g, ''));
    const bound = edited.connections[host.key]?.connection_id;
    return (
      <div className="stack">
        <ProblemBar error={connectors.error} onRetry={() => void connectors.refetch()} />
        {connector && bound && connectorId && <Loaded query={operation} rows={3}>{(data) => <ParameterForm step={step} held={held} parameters={data.parameters} connector={connectorId} />}</Loaded>}
        {step === null && held['recurrence'] !== undefined && (
          <RecurrenceField
            label={t.recurrence}
            value={held['recurrence']}
            step={step}
            fieldKey="$trigger/recurrence"
            onChange={(value) => edit((before) => ({ ...before, definition: setMember(before.definition, null, ['recurrence'], value) }), 'trigger/recurrence')}
          />
        )}
        {connector && <ConnectionChoice connectionKey={host.key} connector={connector} />}
        {connectors.isSuccess && !connector && <ProblemBar error={new Error(`${host.api}: ${t.findings['missing_connection'] ?? ''}`)} />}
      </div>
    );
  }
  return (
    <JsonValue
      label="inputs"
      value={held['inputs']}
      step={step}
      fieldKey={`${step}/inputs`}
      onChange={(value) => edit((before) => ({ ...before, definition: replaceStep(before.definition, step, value === undefined ? held : { ...held, inputs: value }) }))}
    />
  );
}

function Code({ step, held }: { step: string | null; held: JsonObject }) {
  const t = useText(designerText);
  const { edit } = useDesigner();
  const initial = useMemo(() => JSON.stringify(held, null, 2), [held]);
  const [text, setText] = useState(initial);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    parsed = undefined;
  }
  const valid = isObject(parsed as JsonObject);
  return (
    <div className="stack">
      <LazyCodeEditor value={text} onChange={setText} language="json" label={t.code} height={460} />
      {!valid && <p className="quiet small">{t.badJson}</p>}
      <div className="commands">
        <Button appearance="primary" disabled={!valid || text === initial} onClick={() => edit((before) => ({ ...before, definition: replaceStep(before.definition, step, parsed as JsonObject) }))}>{t.apply}</Button>
      </div>
    </div>
  );
}

type PanelTab = 'parameters' | 'settings' | 'runAfter' | 'code' | 'about';

export function StepPanel({ step, onChangeTrigger }: { step: string | null; onChangeTrigger: () => void }) {
  const t = useText(designerText);
  const { edited, cards } = useDesigner();
  const [tab, setTab] = useState<PanelTab>('parameters');
  const [active, setActive] = useState<string | null>(null);
  const { titles } = useTokens(step);
  const held = stepOf(edited.definition, step);
  const focus = useMemo(() => ({ active, setActive }), [active]);
  if (!held) return null;
  return (
    <FieldFocus.Provider value={focus}>
      <TokenTitles.Provider value={titles}>
        <div className="row">
          <NameField key={step ?? '$trigger'} step={step} />
          <Menu>
            <MenuTrigger disableButtonEnhancement><Button appearance="subtle" icon={<MoreHorizontalRegular />} aria-label={t.moreCommands} /></MenuTrigger>
            <MenuPopover>
              <MenuList>
                {step === null ? (
                  <MenuItem onClick={onChangeTrigger}>{t.changeTrigger}</MenuItem>
                ) : (
                  <CardMenuItems name={step} cards={cards} />
                )}
              </MenuList>
            </MenuPopover>
          </Menu>
        </div>
        <TabList size="small" selectedValue={tab} onTabSelect={(_, data) => setTab(data.value as PanelTab)} className="panel-tabs">
          <Tab value="parameters">{t.parameters}</Tab>
          <Tab value="settings">{t.settings}</Tab>
          {step !== null && <Tab value="runAfter">{t.runAfter}</Tab>}
          <Tab value="code">{t.code}</Tab>
          <Tab value="about">{t.about}</Tab>
        </TabList>
        {tab === 'parameters' && <Parameters key={step ?? '$trigger'} step={step} held={held} />}
        {tab === 'settings' && <SettingsForm step={step} held={held} />}
        {tab === 'runAfter' && step !== null && <RunAfterForm step={step} />}
        {tab === 'code' && <Code key={JSON.stringify(held)} step={step} held={held} />}
        {tab === 'about' && <AboutTab step={step} held={held} />}
      </TokenTitles.Provider>
    </FieldFocus.Provider>
  );
}
