/**
 * Makes elements.
 *
 * Owns: creation by name, the text in them, and the icons, as path data. There is no way in here to make an element out
 * of a string of markup. Must not know: recordings.
 */

export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  className = "",
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

/** Drawn on a grid of 16, in the text's colour. */
const ICONS = {
  pause: "M4 3h3v10H4zM9 3h3v10H9z",
  resume: "M4.5 2.8v10.4L13 8z",
  stop: "M3.5 3.5h9v9h-9z",
  download: "M7.2 2h1.6v5.9l2.3-2.3 1.1 1.1L8 10.9 3.8 6.7l1.1-1.1 2.3 2.3zM3 12.4h10V14H3z",
  back: "M3.5 3h2v10h-2zM13 3v10L6.5 8z",
  forward: "M10.5 3h2v10h-2zM3 3v10l6.5-5z",
  loop: "M4 3h6V1.2L13.6 4 10 6.8V5H5v3H3V4a1 1 0 0 1 1-1zM12 13H6v1.8L2.4 12 6 9.2V11h5V8h2v4a1 1 0 0 1-1 1z",
  record: "M8 3.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9z",
  take: "M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11zM8 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM8 6a2 2 0 1 1 0 4 2 2 0 0 1 0-4z",
  drop: "M4.3 3.2 8 6.9l3.7-3.7 1.1 1.1L9.1 8l3.7 3.7-1.1 1.1L8 9.1l-3.7 3.7-1.1-1.1L6.9 8 3.2 4.3z",
  corner: "M13.5 4.6v1.5L6.1 13.5H4.6zM13.5 9.3v1.5l-2.7 2.7H9.3z",
} as const;
export type IconName = keyof typeof ICONS;

const SVG = "http://www.w3.org/2000/svg";

export function icon(name: IconName): SVGSVGElement {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", "0 0 16 16");
  drawing.setAttribute("class", "nbpipe-icon");
  drawing.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  drawing.append(path);
  return drawing;
}

/** What a button has to say with it; hidden from sight, not from a screen reader, where the widget is narrow. */
export function label(name: string): HTMLElement {
  return make("span", "nbpipe-label", name);
}

export function makeButton(name: string, iconName: IconName): HTMLButtonElement {
  const button = make("button", "nbpipe-button", icon(iconName), label(name));
  button.type = "button";
  return button;
}

/** A button whose name is not in sight: as a tooltip, and for a screen reader. */
export function makeIconButton(name: string, iconName: IconName): HTMLButtonElement {
  const button = make("button", "nbpipe-button", icon(iconName));
  button.type = "button";
  button.title = name;
  button.setAttribute("aria-label", name);
  return button;
}

/** Pressed now it would do nothing. Not disabled: that would take the focus from it, and its place from a keyboard. */
export function rest(button: HTMLButtonElement, resting: boolean): void {
  if (resting) button.setAttribute("aria-disabled", "true");
  else button.removeAttribute("aria-disabled");
}

/** `press` is called unless the button rests. */
export function onPress(button: HTMLButtonElement, press: () => void): void {
  button.addEventListener("click", () => {
    if (!button.hasAttribute("aria-disabled")) press();
  });
}

/** One line of a menu. */
export function makeOption(words: string, value: number): HTMLOptionElement {
  const option = make("option", "", words);
  option.value = String(value);
  return option;
}

/** Only when it differs: an unchanged text keeps a person's selection. An empty one takes no room. */
export function write(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
  element.hidden = text === "";
}
