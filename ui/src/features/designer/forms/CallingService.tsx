/** Which service calls a flow's own address: its calls are proven by a secret, and its questions answered. */
import { Field, MessageBar, MessageBarBody } from '@fluentui/react-components';
import { useQuery } from '@tanstack/react-query';
import { api } from '../../../api/client';
import { isObject, valueAt, type Json, type JsonObject } from '../../../flow-model/definition';
import { setMember } from '../../../flow-model/edits';
import { useText } from '../../../shared/language';
import { LongSelect } from '../../../shared/LongSelect';
import { useDesigner } from '../context';
import { TextValue } from '../fields';
import { SecretField } from './SecretField';
import { formText } from './text';

const PRESET = 'x-hookmill-preset';
const SECRET = 'x-hookmill-secret';
const PARAMETERS = 'x-hookmill-parameters';

export function CallingService({ step, held }: { step: string | null; held: JsonObject }) {
  const t = useText(formText);
  const { edit } = useDesigner();
  const presets = useQuery({ queryKey: ['webhook-presets'], queryFn: ({ signal }) => api.get('/api/webhook-presets', { signal }), staleTime: Infinity });
  const valueOf = (name: string): Json | undefined => valueAt(held, ['inputs', name]);
  const chosen = typeof valueOf(PRESET) === 'string' ? String(valueOf(PRESET)) : '';
  const preset = presets.data?.items.find((own) => own.name === chosen);
  const set = (path: string[], value: Json | undefined) =>
    edit((before) => ({ ...before, definition: setMember(before.definition, step, ['inputs', ...path], value) }), `${step}/${path.join('/')}`);
  const choose = (name: string) =>
    edit((before) => {
      let definition = setMember(before.definition, step, ['inputs', PRESET], name || undefined);
      // Secret and parameters are those of the service before.
      for (const member of [SECRET, PARAMETERS]) definition = setMember(definition, step, ['inputs', member], undefined);
      return { ...before, definition };
    }, `${step}/${PRESET}`);
  const parameters = isObject(valueOf(PARAMETERS)) ? (valueOf(PARAMETERS) as JsonObject) : {};
  const hasSecret = valueOf(SECRET) !== undefined && valueOf(SECRET) !== '';
  return (
    <>
      <Field label={t.callingService} hint={t.callingServiceHint}>
        <LongSelect value={chosen} empty={t.anyCaller} options={(presets.data?.items ?? []).map((own) => ({ value: own.name, title: own.title, words: own.name }))} onChange={choose} />
      </Field>
      {preset?.secret && (
        <SecretField
          label={t.callingSecret}
          value={valueOf(SECRET)}
          onChange={(value) => set([SECRET], value)}
          step={step}
          fieldKey={`${step ?? '$trigger'}/${SECRET}`}
          required
          hint={t.callingSecretHint(preset.secret)}
          path={['inputs', SECRET]}
          parameter="signingSecret"
        />
      )}
      {preset?.secret && !hasSecret && <MessageBar intent="warning"><MessageBarBody>{t.callingNoSecret}</MessageBarBody></MessageBar>}
      {preset?.parameters.map((parameter) => (
        <TextValue
          key={parameter.name}
          label={parameter.name}
          value={parameters[parameter.name]}
          onChange={(value) => set([PARAMETERS, parameter.name], value)}
          step={step}
          fieldKey={`${step ?? '$trigger'}/${PARAMETERS}/${parameter.name}`}
          required={false}
          hint={parameter.about}
        />
      ))}
    </>
  );
}
