/** A text field that holds text and tokens. Focusing it opens the dynamic content below it. */
import { Button, Field } from '@fluentui/react-components';
import { FlashRegular } from '@fluentui/react-icons';
import { LexicalComposer } from '@lexical/react/LexicalComposer';
import { useLexicalComposerContext } from '@lexical/react/LexicalComposerContext';
import { ContentEditable } from '@lexical/react/LexicalContentEditable';
import { LexicalErrorBoundary } from '@lexical/react/LexicalErrorBoundary';
import { HistoryPlugin } from '@lexical/react/LexicalHistoryPlugin';
import { PlainTextPlugin } from '@lexical/react/LexicalPlainTextPlugin';
import {
  $createLineBreakNode,
  $createParagraphNode,
  $createTextNode,
  $getNodeByKey,
  $getRoot,
  $getSelection,
  $isElementNode,
  $isLineBreakNode,
  $isRangeSelection,
  $isTextNode,
  COMMAND_PRIORITY_LOW,
  FOCUS_COMMAND,
  PASTE_COMMAND,
  type LexicalEditor,
  type LexicalNode,
} from 'lexical';
import { useCallback, useEffect, useId, useMemo, useRef, useState } from 'react';
import { formatTemplate, parseTemplate, type Segment } from '../../flow-model/references';
import { useText } from '../../shared/language';
import { useFieldFocus } from './field-focus';
import { $createTokenNode, $isTokenNode, TokenNode } from './TokenNode';
import { TokenPicker } from './TokenPicker';
import { TokenPlace } from './token-titles';
import { designerText } from './text';
import { LastValue } from './Yesterday';

const $nodesOf = (text: string): LexicalNode[] =>
  parseTemplate(text).flatMap((segment): LexicalNode[] =>
    segment.kind === 'expression'
      ? [$createTokenNode(segment.expression)]
      : segment.text.split('\n').flatMap((line, index) => [...(index > 0 ? [$createLineBreakNode()] : []), ...(line ? [$createTextNode(line)] : [])]),
  );

function $fill(text: string): void {
  const paragraph = $createParagraphNode();
  paragraph.append(...$nodesOf(text));
  $getRoot().clear().append(paragraph);
}

/** Whoever pastes from a definition means its expressions. */
const hasExpression = (text: string) => text.includes('@{') && parseTemplate(text).some((segment) => segment.kind === 'expression');

function $segments(): Segment[] {
  const segments: Segment[] = [];
  const say = (text: string) => {
    const last = segments.at(-1);
    if (last?.kind === 'text') last.text += text;
    else segments.push({ kind: 'text', text });
  };
  const walk = (node: LexicalNode) => {
    if ($isTokenNode(node)) segments.push({ kind: 'expression', expression: node.getExpression() });
    else if ($isLineBreakNode(node)) say('\n');
    else if ($isTextNode(node)) say(node.getTextContent());
    else if ($isElementNode(node)) {
      // Each paragraph but the first begins a line.
      node.getChildren().forEach(walk);
    }
  };
  $getRoot()
    .getChildren()
    .forEach((child, index) => {
      if (index > 0) say('\n');
      walk(child);
    });
  return segments;
}

/** Keeps editor and value together: typing goes out; undo, or the code view, comes in. */
function Sync({ value, typed, onChange, onEditor, onFocus }: { value: string; typed: boolean; onChange: (value: string) => void; onEditor: (editor: LexicalEditor) => void; onFocus: () => void }) {
  const [editor] = useLexicalComposerContext();
  const told = useRef(value);
  const report = useRef({ onChange, onFocus });
  useEffect(() => {
    report.current = { onChange, onFocus };
  });
  useEffect(() => {
    onEditor(editor);
    const stopFocus = editor.registerCommand(
      FOCUS_COMMAND,
      () => {
        report.current.onFocus();
        return false;
      },
      COMMAND_PRIORITY_LOW,
    );
    const stopPaste = editor.registerCommand(
      PASTE_COMMAND,
      (event) => {
        const text = event instanceof ClipboardEvent ? (event.clipboardData?.getData('text/plain') ?? '') : '';
        const selection = $getSelection();
        if (!hasExpression(text) || !$isRangeSelection(selection)) return false;
        event.preventDefault();
        selection.insertNodes($nodesOf(text));
        return true;
      },
      COMMAND_PRIORITY_LOW,
    );
    const stopUpdates = editor.registerUpdateListener(({ editorState, dirtyElements, dirtyLeaves, tags }) => {
      if ((dirtyElements.size === 0 && dirtyLeaves.size === 0) || tags.has('from-outside')) return;
      const next = editorState.read(() => formatTemplate($segments(), typed));
      if (next !== told.current) {
        told.current = next;
        report.current.onChange(next);
      }
    });
    return () => {
      stopFocus();
      stopPaste();
      stopUpdates();
    };
  }, [editor, typed, onEditor]);
  useEffect(() => {
    if (value === told.current) return;
    told.current = value;
    editor.update(() => $fill(value), { tag: 'from-outside' });
  }, [value, editor]);
  return null;
}

export function TokenField({
  label,
  value,
  onChange,
  typed = false,
  required = false,
  hint,
  step,
  fieldKey,
  bare = false,
}: {
  label: string;
  value: string;
  onChange: (value: string) => void;
  /** A single expression keeps the type of its value. */
  typed?: boolean;
  required?: boolean;
  hint?: string | undefined;
  /** The step the field belongs to: decides which tokens there are. */
  step: string | null;
  fieldKey: string;
  bare?: boolean;
}) {
  const t = useText(designerText);
  const id = useId();
  const editorRef = useRef<LexicalEditor | null>(null);
  const { active, setActive } = useFieldFocus();
  const isOpen = active === fieldKey;
  const onEditor = useRef((editor: LexicalEditor) => {
    editorRef.current = editor;
  });
  const [changing, setChanging] = useState<{ node: string; expression: string } | null>(null);
  const changeToken = useCallback(
    (node: string, expression: string) => {
      setChanging({ node, expression });
      setActive(fieldKey);
    },
    [setActive, fieldKey],
  );
  const tokenPlace = useMemo(() => ({ step, edit: changeToken }), [step, changeToken]);
  const insert = (expression: string) => {
    const editor = editorRef.current;
    if (!editor) return;
    editor.update(() => {
      const changed = changing && $getNodeByKey(changing.node);
      if ($isTokenNode(changed)) {
        changed.setExpression(expression);
        return;
      }
      const selection = $getSelection() ?? $getRoot().selectEnd();
      const token = $createTokenNode(expression);
      if ($isRangeSelection(selection)) selection.insertNodes([token]);
      else $getRoot().selectEnd().insertNodes([token]);
    });
    setChanging(null);
    editor.focus();
  };
  const start = useRef(value);
  return (
    <div className="token-field">
      <Field label={{ children: label, id: `${id}-label`, ...(bare ? { className: 'visually-hidden' } : {}) }} required={required} hint={hint}>
        <div className="token-input">
          <TokenPlace.Provider value={tokenPlace}>
          <LexicalComposer
            initialConfig={{
              namespace: fieldKey,
              nodes: [TokenNode],
              editorState: () => $fill(start.current),
              onError: (error) => {
                throw error;
              },
            }}
          >
            <PlainTextPlugin contentEditable={<ContentEditable tabIndex={0} className="token-editable" ariaLabelledBy={`${id}-label`} role="textbox" aria-multiline="true" aria-required={required} />} ErrorBoundary={LexicalErrorBoundary} placeholder={null} />
            <HistoryPlugin />
            <Sync value={value} typed={typed} onChange={onChange} onEditor={onEditor.current} onFocus={() => setActive(fieldKey)} />
          </LexicalComposer>
          </TokenPlace.Provider>
          <Button size="small" appearance="subtle" icon={<FlashRegular />} aria-label={`${t.insertLabel}: ${label}`} aria-expanded={isOpen} onClick={() => setActive(isOpen ? null : fieldKey)} />
        </div>
      </Field>
      <LastValue value={value} step={step} />
      {isOpen && <TokenPicker key={changing?.node ?? ''} step={step} start={changing?.expression ?? ''} onInsert={insert} fieldKey={fieldKey} onClose={() => { setChanging(null); setActive(null); }} />}
    </div>
  );
}
