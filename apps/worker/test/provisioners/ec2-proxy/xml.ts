import { DOMParser, type Document, type Element, XMLSerializer } from "@xmldom/xmldom";

export type { Element };

export function parseXml(xml: string): Document {
  return new DOMParser().parseFromString(xml, "text/xml");
}

export function printXml(document: Document): string {
  return new XMLSerializer().serializeToString(document);
}

export function elementsNamed(document: Document, name: string): Element[] {
  return [...document.getElementsByTagName(name)];
}

export function childrenNamed(parent: Element, name: string): Element[] {
  return [...parent.childNodes].filter((node): node is Element => node.nodeName === name);
}

/** "" when there is none. */
export function childText(parent: Element, name: string): string {
  return childrenNamed(parent, name)[0]?.textContent ?? "";
}

export function appendChild(parent: Element, name: string, text?: string): Element {
  const document = parent.ownerDocument as Document;
  const child = document.createElementNS(parent.namespaceURI, name);
  if (text !== undefined) child.textContent = text;
  parent.appendChild(child);
  return child;
}
