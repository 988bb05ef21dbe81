/** A group of fields, or the same as JSON: whatever a form cannot show stays within reach and is not lost. */
import { Button } from '@fluentui/react-components';
import { useState, type ReactNode } from 'react';
import { useText } from '../../../shared/language';
import { JsonValue, type FieldProps } from '../fields';
import { designerText } from '../text';

/** `fits` says whether the value can be shown as fields; `raw` replaces the JSON. */
export function Grouped({ fits, children, raw, ...props }: FieldProps & { fits: boolean; children: ReactNode; raw?: ReactNode }) {
  const t = useText(designerText);
  const [wantsRaw, setWantsRaw] = useState(!fits);
  return (
    <fieldset className="list-value">
      <legend>{props.label}{props.required ? ' *' : ''}</legend>
      {props.hint && <div className="quiet small">{props.hint}</div>}
      {wantsRaw || !fits ? (raw ?? <JsonValue {...props} hint={undefined} />) : children}
      <Button size="small" appearance="transparent" className="left" disabled={wantsRaw && !fits} onClick={() => setWantsRaw(!wantsRaw)}>{wantsRaw ? t.formMode : t.rawMode}</Button>
    </fieldset>
  );
}
