import type {
  CompiledFilter,
  CompiledRule,
  HeaderChanges,
  MatchConditions,
  PathMatch,
  PathModifier,
  ValueMatch,
  ValueSource,
} from '../core/protocol/gateway.ts';

/** What a path match asks for, for people. */
export function describePath({ type, value }: PathMatch): string {
  if (type === 'Exact') return `path is ${value}`;
  return type === 'PathPrefix' ? `path is ${value} or below` : `path matches ${value}`;
}

/** Everything a rule asks of a request, the path first. */
export function describeRule({ path, match, priority }: CompiledRule): string[] {
  const { method, headers, query, conditions } = match;
  return [
    describePath(path),
    ...(method === null ? [] : [`method is ${method}`]),
    ...headers.map((header) => describeValue('header', header)),
    ...query.map((parameter) => describeValue('query', parameter)),
    ...(conditions === null ? [] : describeConditions(conditions)),
    ...(priority === 0 ? [] : [`its priority is ${priority}`]),
  ];
}

function describeValue(what: string, { type, name, value }: ValueMatch): string {
  return `${what} ${name} ${type === 'Exact' ? 'is' : 'matches'} ${value}`;
}

function describeConditions(conditions: MatchConditions): string[] {
  const { countries, continents, colos, tenant, clientCertificate, apiVersion } = conditions;
  const oneOf = (what: string, values: readonly string[] | undefined) =>
    values === undefined ? [] : [`${what} is ${values.join(' or ')}`];
  return [
    ...oneOf('country', countries),
    ...oneOf('continent', continents),
    ...oneOf('colo', colos),
    ...(tenant === undefined ? [] : oneOf(`tenant (${describeSource(tenant.from)})`, tenant.values)),
    ...(clientCertificate === undefined ? [] : ['the client certificate fits']),
    ...(apiVersion === undefined ? [] : oneOf(`API version (${describeSource(apiVersion.from)})`, apiVersion.values)),
  ];
}

function describeSource(source: ValueSource | { readonly type: 'mediaType' }): string {
  switch (source.type) {
    case 'header':
      return `header ${source.name}`;
    case 'query':
      return `query ${source.name}`;
    case 'pathSegment':
      return `segment ${source.index} of the path`;
    case 'hostLabel':
      return `label ${source.index} of the host`;
    case 'mediaType':
      return 'media type';
  }
}

/** What a filter does, for people. */
export function describeFilter(filter: CompiledFilter): string {
  switch (filter.type) {
    case 'RequestHeaderModifier':
      return `request headers: ${describeHeaders(filter.headers)}`;
    case 'ResponseHeaderModifier':
      return `response headers: ${describeHeaders(filter.headers)}`;
    case 'RequestRedirect': {
      const { scheme, hostname, port, path, statusCode } = filter.redirect;
      const parts = [scheme, hostname, port === null ? null : `port ${port}`, path === null ? null : describe(path)];
      return `redirects (${statusCode}) to ${parts.filter((part) => part !== null).join(', ') || 'the same address'}`;
    }
    case 'URLRewrite': {
      const { hostname, path } = filter.rewrite;
      const parts = [hostname === null ? null : `host ${hostname}`, path === null ? null : describe(path)];
      return `rewrites to ${parts.filter((part) => part !== null).join(', ')}`;
    }
    case 'RequestMirror': {
      const { backend, fraction } = filter.mirror;
      return `mirrors ${fraction * 100} % to ${backend.name}`;
    }
    case 'CORS':
      return `CORS: origins ${filter.cors.allowOrigins.join(', ')}`;
  }
}

function describe({ type, value }: PathModifier): string {
  return type === 'ReplaceFullPath' ? `path ${value}` : `${value} in place of the matched prefix`;
}

function describeHeaders({ set, add, remove }: HeaderChanges): string {
  const named = (verb: string, names: readonly string[]) => (names.length === 0 ? [] : [`${verb} ${names.join(', ')}`]);
  return [
    ...named(
      'sets',
      set.map(({ name }) => name),
    ),
    ...named(
      'adds',
      add.map(({ name }) => name),
    ),
    ...named('removes', remove),
  ].join('; ');
}
