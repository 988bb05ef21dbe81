/** A schema as a tree: fields can get a title, or be dropped. */
import { Badge, Button, Input } from '@fluentui/react-components';
import { DeleteRegular } from '@fluentui/react-icons';
import type { JsonSchema } from '../../api/types';
import { useText } from '../../shared/language';
import { withoutProperty, withTitle } from './operation-form';
import { connectorsText } from './text';

const typeOf = (schema: JsonSchema) => (Array.isArray(schema.type) ? schema.type.join(' | ') : (schema.type ?? 'any'));

export function SchemaTree({ schema, onChange }: { schema: JsonSchema; onChange: (schema: JsonSchema) => void }) {
  const t = useText(connectorsText);
  const branch = (part: JsonSchema, path: string[]) => {
    const items = part.items ? [['*', part.items] as const] : [];
    const entries = [...Object.entries(part.properties ?? {}), ...items];
    if (entries.length === 0) return null;
    return (
      <ul className={path.length === 0 ? 'schema-tree' : ''}>
        {entries.map(([name, inner]) => {
          const place = [...path, name];
          const label = place.join('.');
          const leaf = !inner.properties && !inner.items;
          const summary = inner['x-ms-summary'];
          return (
            <li key={name}>
              <div className="row" data-leaf={leaf || undefined}>
                <code>{name === '*' ? '[ ]' : name}</code>
                <Badge appearance="outline" size="small">{typeOf(inner)}</Badge>
                {leaf && (
                  <Input
                    size="small"
                    value={typeof summary === 'string' ? summary : (inner.title ?? '')}
                    aria-label={t.fieldTitle(label)}
                    placeholder={t.titlePlaceholder}
                    onChange={(_, data) => onChange(withTitle(schema, place, data.value))}
                  />
                )}
                {name !== '*' && (
                  <Button size="small" appearance="subtle" icon={<DeleteRegular />} aria-label={t.dropField(label)} onClick={() => onChange(withoutProperty(schema, place))} />
                )}
              </div>
              {branch(inner, place)}
            </li>
          );
        })}
      </ul>
    );
  };
  return branch(schema, []) ?? <Badge appearance="outline">{typeOf(schema)}</Badge>;
}
