// @ts-check
/**
 * A picture in a view, zoomed and panned: how large it is shown, and where. What else is seen, others draw.
 *
 * The picture is laid out at its natural size and only transformed, so that what lies on it is exact at any zoom and
 * pixel ratio.
 */
export class Zoomed {
  /** @param {HTMLElement} view */
  constructor(view) {
    this.view = view;
    this.size = { width: 1, height: 1 }; // natural, in pixels
    this.scale = 1; // screen pixels of one natural pixel
    this.left = 0; // of the picture's corner, in the view
    this.top = 0;
    this.fitted = true;
  }

  /** Follow the view from now on: the picture stays whole if it was. */
  watch() {
    new ResizeObserver(() => (this.fitted ? this.fit() : this._settle())).observe(this.view);
  }

  /** Zoom about a place on the screen (the middle if none is given). @param {number} factor */
  zoom(factor, clientX = NaN, clientY = NaN) {
    const { view } = this;
    const box = view.getBoundingClientRect();
    const x = Number.isNaN(clientX) ? view.clientWidth / 2 : clientX - box.left - view.clientLeft;
    const y = Number.isNaN(clientY) ? view.clientHeight / 2 : clientY - box.top - view.clientTop;
    const least = this._fitScale();
    const scale = Math.min(Math.max(this.scale * factor, least), Math.max(16, least * 8));
    this.left = x - ((x - this.left) * scale) / this.scale;
    this.top = y - ((y - this.top) * scale) / this.scale;
    this.scale = scale;
    this.fitted = scale <= least * 1.0001;
    this._settle();
  }

  /** Show the whole picture. */
  fit() {
    this.scale = this._fitScale();
    this.fitted = true;
    this._settle();
  }

  /** Move the picture by pixels of the screen. @param {number} dx @param {number} dy */
  pan(dx, dy) {
    this.left += dx;
    this.top += dy;
    this._settle();
  }

  /** Where in the view a place of the picture is, given in percent. @param {{x: number, y: number}} place */
  _inView(place) {
    const { width, height } = this.size;
    return { x: this.left + (place.x / 100) * width * this.scale, y: this.top + (place.y / 100) * height * this.scale };
  }

  _fitScale() {
    const { width, height } = this.size;
    return Math.min(this.view.clientWidth / width, this.view.clientHeight / height) || 1;
  }

  /** Keep the picture in the view, and draw. */
  _settle() {
    const within = (/** @type {number} */ at, /** @type {number} */ size, /** @type {number} */ room) =>
      size <= room ? (room - size) / 2 : Math.min(0, Math.max(room - size, at));
    this.left = within(this.left, this.size.width * this.scale, this.view.clientWidth);
    this.top = within(this.top, this.size.height * this.scale, this.view.clientHeight);
    this._draw(`translate(${this.left}px, ${this.top}px) scale(${this.scale})`);
  }

  /** Show it so, and what lies on it. @param {string} transform */
  _draw(transform) {
    throw new Error(`a picture that is not drawn: ${transform}`);
  }
}
