/** A choice out of a list: a plain list while it is short, one that is searched by typing once it is long. */
import { Combobox, Option, Select } from '@fluentui/react-components';
import { useState } from 'react';
import { useText } from './language';
import { sharedText } from './text';

/** More than these are searched, not read. */
export const SEARCHED_FROM = 13;
/** A list of more is not drawn whole; typing makes it shorter. */
const DRAWN_MAX = 200;

export interface LongOption {
  value: string;
  title: string;
  /** What else it is found by. */
  words?: string;
}

/** Every word must be somewhere, in any order. */
export const withWords = (options: readonly LongOption[], text: string): LongOption[] => {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return options.filter((option) => words.every((word) => `${option.title} ${option.words ?? ''}`.toLowerCase().includes(word)));
};

/**
 * `empty` is the entry for no choice; left out where one must be made. `always` are entries that no search hides, such as
 * *New connection*. The label comes from the field around it, or from `aria-label`.
 */
export function LongSelect({ value, options, onChange, empty, always = [], disabled = false, ...props }: {
  value: string;
  options: readonly LongOption[];
  onChange: (value: string) => void;
  empty?: string;
  always?: readonly LongOption[];
  disabled?: boolean;
  'aria-label'?: string;
}) {
  const t = useText(sharedText);
  const [typed, setTyped] = useState<string | null>(null);
  const [open, setOpen] = useState(false);
  if (options.length < SEARCHED_FROM) {
    return (
      <Select {...props} value={value} disabled={disabled} onChange={(_, data) => onChange(data.value)}>
        {empty !== undefined && <option value="">{empty}</option>}
        {[...options, ...always].map((option) => <option key={option.value} value={option.value}>{option.title}</option>)}
      </Select>
    );
  }
  const chosen = [...options, ...always].find((option) => option.value === value);
  const found = withWords(options, typed ?? '');
  const drawn = found.slice(0, DRAWN_MAX);
  // The chosen one is always in view, however far down it stands.
  if (typed === null && chosen && !drawn.includes(chosen) && options.includes(chosen)) drawn.unshift(chosen);
  return (
    <Combobox
      {...props}
      freeform
      disabled={disabled}
      open={open}
      onOpenChange={(_, data) => setOpen(data.open)}
      placeholder={t.typeToSearch(options.length)}
      value={typed ?? chosen?.title ?? value}
      selectedOptions={value ? [value] : []}
      onChange={(event) => {
        setTyped(event.target.value);
        setOpen(true);
      }}
      onOptionSelect={(_, data) => {
        setTyped(null);
        onChange(data.optionValue ?? '');
      }}
      onBlur={() => {
        if (typed === '' && empty !== undefined) onChange('');
        setTyped(null);
      }}
    >
      {drawn.map((option) => <Option key={option.value} value={option.value} text={option.title}>{option.title}</Option>)}
      {found.length > DRAWN_MAX && <Option key="$more" disabled value="" text="">{t.moreFound(found.length - DRAWN_MAX)}</Option>}
      {found.length === 0 && <Option key="$none" disabled value="" text="">{t.nothingFound}</Option>}
      {always.map((option) => <Option key={option.value} value={option.value} text={option.title}>{option.title}</Option>)}
    </Combobox>
  );
}
