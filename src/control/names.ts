/**
 * The name rules of Kubernetes (RFC 1123 labels and subdomains, qualified names, label values), with its own
 * sentences, since people search for them.
 */
const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const QUALIFIED_PART = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const LABEL_VALUE = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;

const SUBDOMAIN_RULE =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL_RULE =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const QUALIFIED_RULE =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE_RULE =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/** What is wrong with a text as an RFC 1123 subdomain (at most 253 characters), or undefined. */
export function subdomainFault(text: string): string | undefined {
  if (text.length > 253) return 'must be no more than 253 characters';
  return SUBDOMAIN.test(text) ? undefined : SUBDOMAIN_RULE;
}

/** What is wrong with a text as an RFC 1123 label (at most 63 characters), or undefined. */
export function labelFault(text: string): string | undefined {
  if (text.length > 63) return 'must be no more than 63 characters';
  return LABEL.test(text) ? undefined : LABEL_RULE;
}

/** What is wrong with a label key, annotation key or finalizer (`[prefix/]name`), or undefined. */
export function qualifiedNameFault(text: string): string | undefined {
  const parts = text.split('/');
  if (parts.length > 2)
    return "a qualified name must consist of an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
  const name = parts[parts.length - 1];
  if (name === '') return 'name part must be non-empty';
  if (name.length > 63) return 'name part must be no more than 63 characters';
  if (!QUALIFIED_PART.test(name)) return QUALIFIED_RULE;
  if (parts.length === 1) return undefined;
  if (parts[0] === '') return 'prefix part must be non-empty';
  const prefixFault = subdomainFault(parts[0]);
  return prefixFault === undefined ? undefined : `prefix part ${prefixFault}`;
}

/** What is wrong with a label's value, or undefined. */
export function labelValueFault(text: string): string | undefined {
  if (text.length > 63) return 'must be no more than 63 characters';
  return LABEL_VALUE.test(text) ? undefined : LABEL_VALUE_RULE;
}
