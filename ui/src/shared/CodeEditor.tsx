/** A CodeMirror editor for JSON, or for expressions with completion. Loaded only where one is shown. */
import { acceptCompletion, autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap, type CompletionSource } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { json, jsonParseLinter } from '@codemirror/lang-json';
import { bracketMatching, defaultHighlightStyle, foldGutter, foldKeymap, indentOnInput, syntaxHighlighting } from '@codemirror/language';
import { forceLinting, linter, lintGutter, type Diagnostic as Mark } from '@codemirror/lint';
import { highlightSelectionMatches, searchKeymap } from '@codemirror/search';
import { Compartment, EditorState, StateEffect } from '@codemirror/state';
import { drawSelection, EditorView, keymap, lineNumbers } from '@codemirror/view';
import { HighlightStyle } from '@codemirror/language';
import { tags } from '@lezer/highlight';
import { useEffect, useRef, type CSSProperties } from 'react';
import { useLook } from './theme';

const darkHighlight = HighlightStyle.define([
  { tag: tags.propertyName, color: '#90afec' },
  { tag: tags.string, color: '#a5d6a7' },
  { tag: tags.number, color: '#ffcb8b' },
  { tag: [tags.bool, tags.null], color: '#f48fb1' },
]);

const look = (dark: boolean) => [
  syntaxHighlighting(dark ? darkHighlight : defaultHighlightStyle),
  EditorView.theme({ '.cm-gutters': { background: 'transparent', border: 'none', color: 'var(--colorNeutralForeground3)' }, '.cm-cursor': { borderLeftColor: 'var(--colorNeutralForeground1)' } }, { dark }),
];

/** Says that there are other marks than before. */
const remarked = StateEffect.define();

const readJson = jsonParseLinter();

/** What the parser finds and what the page says, together: each alone would take the other's away. */
const marksOf = (language: 'json' | 'expression' | 'text', said: { current: Mark[] }) =>
  linter(
    (editor) => {
      const end = editor.state.doc.length;
      const placed = said.current.map((mark) => ({ ...mark, from: Math.min(mark.from, end), to: Math.min(mark.to, end) }));
      return [...(language === 'json' && end > 0 ? readJson(editor) : []), ...placed];
    },
    { needsRefresh: (update) => update.transactions.some((transaction) => transaction.effects.some((effect) => effect.is(remarked))) },
  );

const NO_MARKS: Mark[] = [];

export interface CodeEditorProps {
  value: string;
  onChange?: (value: string) => void;
  language: 'json' | 'expression' | 'text';
  label: string;
  readOnly?: boolean;
  height?: number;
  completion?: CompletionSource;
  marks?: Mark[];
  /** A range to select and show; another object shows it again. */
  reveal?: { from: number; to: number } | null;
  autoFocus?: boolean;
}

export function CodeEditor({ value, onChange, language, label, readOnly, height = 420, completion, marks = NO_MARKS, reveal, autoFocus }: CodeEditorProps) {
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const report = useRef(onChange);
  const complete = useRef(completion);
  const said = useRef(marks);
  const theme = useRef(new Compartment());
  const { dark } = useLook();
  const start = useRef({ value, dark, autoFocus });
  useEffect(() => {
    report.current = onChange;
    complete.current = completion;
  });
  useEffect(() => {
    if (!place.current) return undefined;
    const editor = new EditorView({
      parent: place.current,
      state: EditorState.create({
        doc: start.current.value,
        extensions: [
          ...(language === 'json' ? [lineNumbers(), foldGutter(), lintGutter(), json()] : []),
          marksOf(language, said),
          history(),
          drawSelection(),
          indentOnInput(),
          bracketMatching(),
          closeBrackets(),
          autocompletion(language === 'expression' ? { override: [(context) => complete.current?.(context) ?? null] } : {}),
          highlightSelectionMatches(),
          EditorView.lineWrapping,
          // Tab takes the completion that is offered. Without one it leaves the editor: a keyboard must never be trapped in it.
          keymap.of([{ key: 'Tab', run: acceptCompletion }, ...closeBracketsKeymap, ...defaultKeymap, ...searchKeymap, ...historyKeymap, ...foldKeymap, ...completionKeymap]),
          // Text that cannot be edited is still reached and scrolled by keys.
          EditorView.contentAttributes.of({ 'aria-label': label, spellcheck: 'false', tabindex: '0' }),
          EditorState.readOnly.of(readOnly ?? false),
          EditorView.editable.of(!readOnly),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) report.current?.(update.state.doc.toString());
          }),
          theme.current.of(look(start.current.dark)),
        ],
      }),
    });
    view.current = editor;
    if (start.current.autoFocus) editor.focus();
    return () => {
      editor.destroy();
      view.current = null;
    };
  }, [label, language, readOnly]);
  useEffect(() => {
    const editor = view.current;
    if (editor && editor.state.doc.toString() !== value) {
      editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: value } });
    }
  }, [value]);
  useEffect(() => {
    view.current?.dispatch({ effects: theme.current.reconfigure(look(dark)) });
  }, [dark]);
  useEffect(() => {
    const same = JSON.stringify(said.current) === JSON.stringify(marks);
    said.current = marks;
    if (!view.current || same) return;
    view.current.dispatch({ effects: remarked.of(null) });
    forceLinting(view.current);
  }, [marks]);
  useEffect(() => {
    const editor = view.current;
    if (!editor || !reveal) return;
    const end = editor.state.doc.length;
    const [from, to] = [Math.min(reveal.from, end), Math.min(reveal.to, end)];
    editor.dispatch({ selection: { anchor: from, head: to }, effects: EditorView.scrollIntoView(from, { y: 'center' }) });
    editor.focus();
  }, [reveal]);
  return <div className="editor" ref={place} style={{ '--editor-height': `${height}px` } as CSSProperties} />;
}
