/** How an HTTP action shows who it is: a kind and its members, each of them also as dynamic content. */
import { Button, Field, MessageBar, MessageBarBody, Select } from '@fluentui/react-components';
import { useState } from 'react';
import { AUTHENTICATION_KINDS, emptyOf, kindOf } from '../../../flow-model/authentication';
import { isObject, nameOf, type JsonObject } from '../../../flow-model/definition';
import { useText } from '../../../shared/language';
import { AnyValue, TextValue, type FieldProps } from '../fields';
import { designerText } from '../text';
import { SecretField } from './SecretField';
import { formText } from './text';

const OFFERED = AUTHENTICATION_KINDS.filter((kind) => kind.type !== 'ManagedServiceIdentity');

/** `path` leads from the step to the authentication. */
export function AuthenticationField({ path, ...props }: FieldProps & { path: readonly string[] }) {
  const t = useText(formText);
  const designer = useText(designerText);
  const { value, onChange, step, fieldKey } = props;
  const kind = kindOf(value);
  const [raw, setRaw] = useState(kind === undefined);
  const held: JsonObject = isObject(value) ? value : {};
  const set = (name: string, next: JsonObject[string] | undefined, required: boolean) => {
    const { [name]: _, ...rest } = held;
    onChange(next === undefined && !required ? rest : { ...held, [name]: next ?? '' });
  };
  const hint = (name: string) => (kind?.type === 'Raw' && name === 'value' ? t.rawValueHint : name === 'authority' ? t.authorityHint : undefined);
  return (
    <fieldset className="list-value">
      <legend>{props.label}</legend>
      {raw || kind === undefined ? (
        <AnyValue {...props} bare />
      ) : (
        <>
          <Field label={t.authentication}>
            <Select
              value={kind?.type ?? 'None'}
              onChange={(_, data) => {
                const wanted = AUTHENTICATION_KINDS.find((one) => one.type === data.value);
                onChange(wanted ? emptyOf(wanted) : undefined);
              }}
            >
              <option value="None">{t.kinds['None']}</option>
              {[...OFFERED, ...(kind && !OFFERED.includes(kind) ? [kind] : [])].map((one) => <option key={one.type} value={one.type}>{t.kinds[one.type]}</option>)}
            </Select>
          </Field>
          {kind?.type === 'ManagedServiceIdentity' && <MessageBar intent="warning" layout="multiline"><MessageBarBody>{t.managedNote}</MessageBarBody></MessageBar>}
          {kind?.members.map((member) => {
            const own: FieldProps = {
              label: t.members[member.name] ?? member.name,
              value: held[member.name],
              onChange: (next) => set(member.name, next, member.required ?? false),
              step,
              fieldKey: `${fieldKey}/${member.name}`,
              required: member.required ?? false,
              hint: hint(member.name),
            };
            return member.secret
              ? <SecretField key={`${kind.type}/${member.name}`} {...own} path={[...path, member.name]} parameter={nameOf(`${step ?? 'trigger'}_${member.name}`)} file={member.name === 'pfx'} />
              : <TextValue key={`${kind.type}/${member.name}`} {...own} />;
          })}
        </>
      )}
      <Button size="small" appearance="transparent" className="left" disabled={raw && kind === undefined} onClick={() => setRaw(!raw)}>{raw ? designer.formMode : designer.rawMode}</Button>
    </fieldset>
  );
}
