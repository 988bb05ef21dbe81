/** A secret of a step: as plain text, out of dynamic content, or as a secure parameter of the flow. */
import { Button, Field, Input, Textarea } from '@fluentui/react-components';
import { EyeOffRegular, EyeRegular } from '@fluentui/react-icons';
import { useRef, useState } from 'react';
import { parameterOf, withSecureParameter } from '../../../flow-model/authentication';
import { isObject, valueAt } from '../../../flow-model/definition';
import { setMember } from '../../../flow-model/edits';
import { useText } from '../../../shared/language';
import { useDesigner } from '../context';
import { TextValue, type FieldProps } from '../fields';
import { formText } from './text';

/** A file as base64, without what names its kind. */
const base64Of = (file: File): Promise<string> =>
  new Promise((done, fail) => {
    const reader = new FileReader();
    reader.onload = () => done(String(reader.result).replace(/^[^,]*,/, ''));
    reader.onerror = () => fail(new Error(reader.error?.message ?? file.name));
    reader.readAsDataURL(file);
  });

function Plain({ label, value, onChange, required, hint, file }: { label: string; value: string; onChange: (value: string) => void; required: boolean; hint: string | undefined; file: boolean }) {
  const t = useText(formText);
  const [shown, setShown] = useState(false);
  const picker = useRef<HTMLInputElement>(null);
  return (
    <>
      <Field label={label} required={required} hint={hint}>
        {file && shown ? (
          <Textarea className="mono" rows={3} value={value} onChange={(_, data) => onChange(data.value)} />
        ) : (
          <Input
            type={shown ? 'text' : 'password'}
            autoComplete="new-password"
            value={value}
            onChange={(_, data) => onChange(data.value)}
            contentAfter={<Button size="small" appearance="transparent" icon={shown ? <EyeOffRegular /> : <EyeRegular />} aria-label={`${shown ? t.hideSecret : t.showSecret}: ${label}`} onClick={() => setShown(!shown)} />}
          />
        )}
      </Field>
      {file && (
        <>
          <input ref={picker} type="file" accept=".pfx,.p12,application/x-pkcs12" hidden onChange={(event) => {
            const chosen = event.target.files?.[0];
            if (chosen) void base64Of(chosen).then(onChange);
          }} />
          <Button size="small" className="left" onClick={() => picker.current?.click()}>{t.chooseFile}</Button>
        </>
      )}
    </>
  );
}

/** `path` leads from the step to the secret; `parameter` is the name that a secure parameter gets; `file` offers to read it from a file. */
export function SecretField({ path, parameter, file = false, ...props }: FieldProps & { path: readonly string[]; parameter: string; file?: boolean }) {
  const t = useText(formText);
  const { edited, edit } = useDesigner();
  const { label, onChange, required = false } = props;
  const text = typeof props.value === 'string' ? props.value : '';
  const [asTokens, setAsTokens] = useState(false);
  const named = parameterOf(props.value);
  const declared = named === null ? null : valueAt(edited.definition, ['parameters', named]);
  if (named !== null && isObject(declared) && !asTokens) {
    const given = valueAt(edited.parameters ?? {}, [named]) ?? declared['defaultValue'];
    const store = (value: string) => edit((held) => ({ ...held, parameters: { ...held.parameters, [named]: value } }), `parameter/${named}`);
    return (
      <div className="stack tight" data-parameter={named}>
        <Plain label={label} value={typeof given === 'string' ? given : ''} onChange={store} required={required} hint={t.fromParameter(named)} file={file} />
        <Button size="small" appearance="transparent" className="left" onClick={() => setAsTokens(true)}>{t.toExpression}</Button>
      </div>
    );
  }
  if (asTokens || text.includes('@')) {
    return <TextValue {...props} />;
  }
  // Parameter and field change together, so that one undo takes both back.
  const keep = () =>
    edit((held) => {
      const made = withSecureParameter(held.definition, parameter);
      const definition = setMember(made.definition, props.step, path, `@parameters('${made.name}')`);
      return { ...held, definition, parameters: { ...held.parameters, [made.name]: text } };
    });
  return (
    <div className="stack tight">
      <Plain label={label} value={text} onChange={onChange} required={required} hint={text ? t.plainSecret : props.hint} file={file} />
      <div className="commands">
        <Button size="small" onClick={keep}>{t.toParameter}</Button>
        <Button size="small" appearance="transparent" onClick={() => setAsTokens(true)}>{t.toExpression}</Button>
      </div>
    </div>
  );
}
