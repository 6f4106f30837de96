// Find everything in the figure that stands in the page. A trace says in `meta` what its marks are, and in `customdata` which.
() => {
  const plot = document.getElementById('plot');
  const marks = [];
  const add = (role, datum, rect, text = '') => {
    if (rect.width > 0 || rect.height > 0)
      marks.push({role, datum, text, box: [rect.left, rect.top, rect.right, rect.bottom]});
  };
  const datumOf = (trace, number) => {
    const custom = Array.isArray(trace.customdata) || ArrayBuffer.isView(trace.customdata) ? trace.customdata[number] : null;
    return {...(trace.meta && trace.meta.datum || {}), ...(custom && typeof custom === 'object' ? custom : {})};
  };
  const roleOf = (trace, otherwise) => trace.meta && trace.meta.role || otherwise;
  const traceOf = (element) => {
    for (let outer = element; outer; outer = outer.parentElement) {
      const data = outer.__data__;
      const found = Array.isArray(data) && data[0] && data[0].trace || data && data.trace;
      if (found) return plot._fullData[found.index];
    }
    return {};
  };
  const numberOf = (element) => {
    for (let outer = element; outer && outer !== plot; outer = outer.parentElement)
      if (outer.__data__ && outer.__data__.i !== undefined) return outer.__data__.i;
    return 0;
  };
  const each = (where, otherwise) => {
    for (const element of plot.querySelectorAll(where)) {
      const trace = traceOf(element);
      add(roleOf(trace, otherwise), datumOf(trace, numberOf(element)), element.getBoundingClientRect());
    }
  };
  each('.trace.bars .point > path', 'bar');
  each('.trace.scatter .points path.point', 'point');
  each('.slice path.surface', 'slice');
  for (const group of plot.querySelectorAll('.trace.boxes'))
    for (const [number, path] of [...group.querySelectorAll('path.box')].entries()) {
      const trace = traceOf(path), datum = datumOf(trace, number), {left, right} = path.getBoundingClientRect();
      const axis = plot._fullLayout.yaxis, at = (value) => axis._offset + axis.d2p(value);
      const part = (role, high, low, more = {}) => {
        const [top, bottom] = [at(high), at(low)];
        add(role, {...datum, ...more}, {left, right, top, bottom, width: right - left, height: bottom - top});
      };
      part('whisker', trace.upperfence[number], trace.lowerfence[number]);
      part('box', trace.q3[number], trace.q1[number]);
      part('median', trace.median[number], trace.median[number], {series: 2});
    }
  for (const [where, role] of [['.lines path.js-line', 'line'], ['.fills path.js-fill', 'area']])
    for (const path of plot.querySelectorAll(`.trace.scatter ${where}`)) {
      const trace = traceOf(path);
      add(role, (trace.meta || {}).datum || {}, path.getBoundingClientRect());
    }
  for (const trace of plot._fullData.filter((item) => item.type === 'heatmap')) {
    const layout = plot._fullLayout, {xaxis, yaxis} = {xaxis: layout.xaxis, yaxis: layout.yaxis};
    for (const [row, line] of trace.z.entries())
      for (const column of line.keys()) {
        const xs = [column - 0.5, column + 0.5].map((at) => xaxis._offset + xaxis.l2p(at));
        const ys = [row - 0.5, row + 0.5].map((at) => yaxis._offset + yaxis.l2p(at));
        const [left, right] = [Math.min(...xs), Math.max(...xs)], [top, bottom] = [Math.min(...ys), Math.max(...ys)];
        add('cell', {series: row, category: column}, {left, right, top, bottom, width: right - left, height: bottom - top});
      }
  }
  const roles = [['.gtitle', 'title'], ['.xtick, .ytick, .x2tick, .y2tick, .x3tick, .y3tick, .x4tick, .y4tick', 'axis'],
    ['.xtitle, .ytitle, .x2title, .y2title, .x3title, .x4title, .cbtitle, [class*="cbtitle"]', 'label'],
    ['.legendtext', 'legend'], ['.cbaxis', 'scale'], ['.annotation-text', 'label']];
  for (const text of plot.querySelectorAll('svg text')) {
    const letters = text.textContent.trim();
    if (!letters || getComputedStyle(text).opacity === '0') continue;
    let found = roles.find(([where]) => text.closest(where));
    let datum = {};
    if (!found && text.closest('.heatmaplayer')) {
      const {left, right, top, bottom} = text.getBoundingClientRect(), x = (left + right) / 2, y = (top + bottom) / 2;
      const cell = marks.find(({role, box}) => role === 'cell' && box[0] <= x && x <= box[2] && box[1] <= y && y <= box[3]);
      datum = cell ? cell.datum : {};
    } else if (!found && text.closest('.trace, .slice')) datum = datumOf(traceOf(text), numberOf(text));
    const lines = text.querySelectorAll('tspan.line');
    for (const line of lines.length ? lines : [text])
      if (line.textContent.trim()) add(found ? found[1] : 'value', datum, line.getBoundingClientRect(), line.textContent.trim());
  }
  for (const element of plot.querySelectorAll('.legendlines path, .legendpoints path'))
    add('swatch', {}, element.getBoundingClientRect());
  const size = plot._fullLayout;
  return {page: [size.width, size.height], marks};
}
