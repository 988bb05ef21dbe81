/** A token inside a text editor: a chip with a name a person reads, standing for an expression the engine reads. */
import { $applyNodeReplacement, $getNodeByKey, DecoratorNode, type LexicalEditor, type LexicalNode, type NodeKey, type SerializedLexicalNode, type Spread } from 'lexical';
import { useLexicalComposerContext } from '@lexical/react/LexicalComposerContext';
import { DismissRegular } from '@fluentui/react-icons';
import { useContext, type ReactElement } from 'react';
import { isBroken } from '../../flow-model/checker';
import { wordsOf } from '../../flow-model/references';
import { useText } from '../../shared/language';
import { useDesigner } from './context';
import { designerText } from './text';
import { TokenPlace, useTokenTitle } from './token-titles';

type SerializedToken = Spread<{ expression: string }, SerializedLexicalNode>;

function Chip({ expression, nodeKey }: { expression: string; nodeKey: NodeKey }) {
  const t = useText(designerText);
  const { edited } = useDesigner();
  const [editor] = useLexicalComposerContext();
  const { edit: editToken, step } = useContext(TokenPlace);
  const title = useTokenTitle(expression) ?? wordsOf(expression);
  const broken = isBroken(edited.definition, expression, step);
  const isFunction = title === expression || /^[a-z]\w*\(/i.test(title);
  return (
    <span className={broken ? 'token broken' : isFunction ? 'token function' : 'token'} title={broken ? `${t.brokenToken} ${expression}` : expression} data-expression={expression}>
      {isFunction ? <button type="button" className="token-text" tabIndex={-1} onClick={() => editToken(nodeKey, expression)}>{title}</button> : title}
      <button
        type="button"
        aria-label={t.removeToken(title)}
        tabIndex={-1}
        onMouseDown={(event) => event.preventDefault()}
        onClick={() => editor.update(() => $getNodeByKey(nodeKey)?.remove())}
      >
        <DismissRegular />
      </button>
    </span>
  );
}

export class TokenNode extends DecoratorNode<ReactElement> {
  __expression: string;

  static override getType(): string {
    return 'token';
  }
  static override clone(node: TokenNode): TokenNode {
    return new TokenNode(node.__expression, node.__key);
  }
  static override importJSON(serialized: SerializedToken): TokenNode {
    return $createTokenNode(serialized.expression);
  }
  constructor(expression: string, key?: NodeKey) {
    super(key);
    this.__expression = expression;
  }
  override exportJSON(): SerializedToken {
    return { ...super.exportJSON(), type: 'token', version: 1, expression: this.__expression };
  }
  override createDOM(): HTMLElement {
    return document.createElement('span');
  }
  override updateDOM(): false {
    return false;
  }
  /** Plain copies of a text carry the expression. */
  override getTextContent(): string {
    return `@{${this.__expression}}`;
  }
  override isInline(): true {
    return true;
  }
  override isKeyboardSelectable(): boolean {
    return true;
  }
  setExpression(expression: string): void {
    this.getWritable().__expression = expression;
  }
  getExpression(): string {
    return this.getLatest().__expression;
  }
  override decorate(_editor: LexicalEditor): ReactElement {
    return <Chip expression={this.__expression} nodeKey={this.__key} />;
  }
}

export const $createTokenNode = (expression: string): TokenNode => $applyNodeReplacement(new TokenNode(expression));
export const $isTokenNode = (node: LexicalNode | null | undefined): node is TokenNode => node instanceof TokenNode;
