/** What a step is: its operation and connector in their own words, who uses it, and a note for those who read the flow. */
import { Field, Textarea } from '@fluentui/react-components';
import { builtinOf } from '../../flow-model/builtins';
import { forEachAction, titleOf, typeOf, type JsonObject } from '../../flow-model/definition';
import { setMember } from '../../flow-model/edits';
import { mapStrings, mentionsOf } from '../../flow-model/references';
import { useLanguage, useText } from '../../shared/language';
import { useConnections, useConnectors, useDesigner, useOperation } from './context';
import { settingsText } from './settings-text';
import { connectorOf, hostOf } from './state';

const NOTE_MAX = 256;
const NESTED = ['actions', 'else', 'cases', 'default'];

/** The steps whose expressions speak of this one. */
function usersOf(definition: JsonObject, step: string | null): string[] {
  const users: string[] = [];
  forEachAction(definition, (name, action) => {
    let uses = false;
    mapStrings(Object.fromEntries(Object.entries(action).filter(([member]) => !NESTED.includes(member))), (text) => {
      uses ||= step === null ? /\btrigger(Body|Outputs|FormDataValue|FormDataMultiValues)?\s*\(/i.test(text) && text.includes('@') : mentionsOf(text).some((mention) => mention.name === step);
      return text;
    });
    if (uses && name !== step) users.push(name);
  });
  return users;
}

export function AboutTab({ step, held }: { step: string | null; held: JsonObject }) {
  const t = useText(settingsText);
  const { language } = useLanguage();
  const { edited, edit, open } = useDesigner();
  const host = hostOf(held);
  const connectorId = connectorOf(held, edited.connections, useConnections().data ?? []);
  const connector = useConnectors().data?.items.find((item) => item.id === connectorId);
  const operation = useOperation(connectorId, host?.operation ?? null).data;
  const builtin = builtinOf(held, step === null ? 'trigger' : 'action');
  const note = typeof held['description'] === 'string' ? held['description'] : '';
  const users = usersOf(edited.definition, step);
  const said = builtin ? builtin.description[language] : operation?.description;
  let contained = 0;
  forEachAction({ actions: { self: held } }, () => (contained += 1));
  return (
    <div className="stack">
      {said && <p>{said}</p>}
      <dl className="facts">
        <dt>{t.type}</dt><dd>{builtin && <>{builtin.title[language]} · </>}<code>{typeOf(held)}</code></dd>
        {connector && <><dt>{t.connector}</dt><dd>{connector.name}</dd></>}
        {host && <><dt>{t.operation}</dt><dd>{operation?.summary && <>{operation.summary} · </>}<code>{host.operation}</code></dd></>}
        {contained > 1 && <><dt /><dd>{t.isContainer(contained - 1)}</dd></>}
        {users.length > 0 && (
          <>
            <dt>{t.usedBy}</dt>
            <dd className="links">{users.map((name) => <button key={name} type="button" className="link" onClick={() => open(name)}>{titleOf(name)}</button>)}</dd>
          </>
        )}
      </dl>
      <Field label={t.note} hint={t.noteHint} validationMessage={note.length > NOTE_MAX ? `${note.length} / ${NOTE_MAX}` : undefined}>
        <Textarea aria-label={t.note} resize="vertical" value={note} onChange={(_, data) => edit((before) => ({ ...before, definition: setMember(before.definition, step, ['description'], data.value || undefined) }), `${step}/description`)} />
      </Field>
    </div>
  );
}
