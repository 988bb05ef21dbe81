/** After which actions an action runs, and after which of their outcomes. */
import { Button, Checkbox } from '@fluentui/react-components';
import { DismissRegular } from '@fluentui/react-icons';
import { actionsAt, findAction, runAfterOf, titleOf } from '../../flow-model/definition';
import { STATUSES } from '../../flow-model/language';
import { setRunAfter } from '../../flow-model/edits';
import { useText } from '../../shared/language';
import { LongSelect } from '../../shared/LongSelect';
import { useDesigner } from './context';
import { settingsText } from './settings-text';

export function RunAfterForm({ step }: { step: string }) {
  const t = useText(settingsText);
  const { edited, edit } = useDesigner();
  const found = findAction(edited.definition, step);
  if (!found) return null;
  const after = runAfterOf(found.action);
  const beside = actionsAt(edited.definition, found.place);
  /** Waiting for what comes later would make a circle. */
  const isLater = (name: string, seen = new Set<string>()): boolean => {
    if (name === step) return true;
    if (seen.has(name)) return false;
    seen.add(name);
    return Object.keys(runAfterOf(beside[name] ?? {})).some((before) => isLater(before, seen));
  };
  const statusesOf = (name: string): string[] => {
    const value = after[name];
    const chosen = Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
    // An empty list means success.
    return chosen.length > 0 ? STATUSES.filter((status) => chosen.some((own) => own.toLowerCase() === status.toLowerCase())) : ['Succeeded'];
  };
  const set = (name: string, statuses: string[] | null) => {
    const next = Object.fromEntries(Object.keys(after).filter((key) => key !== name || statuses !== null).map((key) => [key, key === name && statuses !== null ? statuses : statusesOf(key)]));
    if (statuses !== null) next[name] = statuses;
    edit((held) => ({ ...held, definition: setRunAfter(held.definition, step, next) }));
  };
  const names = Object.keys(after);
  const others = Object.keys(beside).filter((name) => name !== step && !(name in after) && !isLater(name));
  return (
    <div className="stack">
      <p className="quiet small">{names.length > 0 ? t.runAfterHint : others.length > 0 ? t.runAfterFirst : t.runAfterNone}</p>
      {names.map((name) => {
        const chosen = statusesOf(name);
        return (
          <fieldset key={name} className="list-value">
            <legend>{t.runAfterOf(titleOf(name))}</legend>
            {STATUSES.map((status) => (
              <Checkbox
                key={status}
                label={t.is[status]}
                checked={chosen.includes(status)}
                // Without an outcome it would wait for nothing; that is what the button says.
                disabled={chosen.length === 1 && chosen[0] === status}
                onChange={(_, data) => set(name, STATUSES.filter((item) => (item === status ? data.checked === true : chosen.includes(item))))}
              />
            ))}
            <Button size="small" appearance="subtle" className="left" icon={<DismissRegular />} onClick={() => set(name, null)}>{t.runAfterRemove(titleOf(name))}</Button>
          </fieldset>
        );
      })}
      {others.length > 0 && (
        <LongSelect aria-label={t.runAfterAdd} value="" empty={t.runAfterAdd} options={others.map((name) => ({ value: name, title: titleOf(name) }))} onChange={(name) => name && set(name, ['Succeeded'])} />
      )}
    </div>
  );
}
