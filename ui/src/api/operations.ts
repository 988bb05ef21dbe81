/** What a call to the server may say and what it gets, read from the operations of `schema.d.ts`. */
import type { paths } from './schema';

export type Method = 'get' | 'post' | 'put' | 'delete';
/** The paths that have an operation of this method. */
export type PathOf<M extends Method> = { [P in keyof paths]: paths[P] extends { [K in M]: object } ? P : never }[keyof paths];
type Operation<P extends keyof paths, M extends Method> = NonNullable<paths[P][M]>;

type Content<Held> = Held extends { content: infer Types } ? Types[keyof Types] : undefined;
type Good<Responses> = Responses[keyof Responses & (200 | 201 | 202 | 204)];
/** What an operation answers; undefined where that is nothing. */
export type Answer<P extends keyof paths, M extends Method> = Operation<P, M> extends { responses: infer Responses } ? Content<Good<Responses>> : never;

type Has<Parameters, Name> = [NonNullable<Parameters>] extends [never] ? false : Name extends keyof NonNullable<Parameters> ? true : false;
type Given<O> = O extends { parameters: infer All } ? All : never;
type PathMember<All> = All extends { path: infer Path } ? { path: Path } : { path?: never };
type QueryMember<All> = All extends { query?: infer Query } ? { query?: Query } : never;
type EtagMember<All> = All extends { header?: infer Headers } ? (Has<Headers, 'If-Match'> extends true ? { etag?: string | undefined } : { etag?: never }) : never;

/** JSON, the fields of a form, or a file as it is: one of them, and only what the operation takes. */
type Sent<Type, Held> = Type extends 'application/json' ? { body: Held; form?: never; file?: never } : Type extends 'multipart/form-data' ? { body?: never; form: Held; file?: never } : { body?: never; form?: never; file: Held };
type AnySent<Types> = { [Type in keyof Types]: Sent<Type, Types[Type]> }[keyof Types];
type Nothing = { body?: never; form?: never; file?: never };
type BodyMember<O> = O extends { requestBody: { content: infer Types } } ? AnySent<Types> : O extends { requestBody?: { content: infer Types } } ? Nothing | AnySent<Types> : Nothing;

type OptionsOf<O> = PathMember<Given<O>> & QueryMember<Given<O>> & EtagMember<Given<O>> & BodyMember<O> & { signal?: AbortSignal };
export type Options<P extends keyof paths, M extends Method> = OptionsOf<Operation<P, M>>;
/** The options of a call; they may be left out where nothing in them is needed. */
export type Rest<O> = object extends O ? [options?: O] : [options: O];

export interface Page<Item> {
  items: Item[];
  next_cursor: string | null;
}
/** The lists that come page by page. */
export type PagedPath = { [P in PathOf<'get'>]: [Answer<P, 'get'>, Options<P, 'get'>] extends [Page<unknown>, { path?: never; query?: infer Query }] ? (Has<Query, 'cursor'> extends true ? P : never) : never }[PathOf<'get'>];
export type ItemOf<P extends PagedPath> = Answer<P, 'get'> extends Page<infer Item> ? Item : never;
export type ListQuery<P extends PagedPath> = Omit<NonNullable<Options<P, 'get'>['query']>, 'cursor'>;
