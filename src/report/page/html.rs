//! Markup in a string, with every text escaped.

/// Markup that grows.
#[derive(Debug, Default)]
pub(super) struct Html {
    /// What there is so far.
    pub(super) text: String,
}

impl Html {
    /// Appends markup as it is.
    pub(super) fn raw(&mut self, markup: &str) -> &mut Self {
        self.text += markup;
        self
    }

    /// Appends a text, escaped.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.text += &escape(text);
        self
    }

    /// Appends a sentence of ours, escaped; what stands between backticks in it is code.
    pub(super) fn sentence(&mut self, sentence: &str) -> &mut Self {
        let mut rest = sentence;
        while let Some((before, after)) = rest.split_once('`') {
            self.text(before);
            rest = match after.split_once('`') {
                Some((name, left)) if !name.is_empty() => {
                    self.element("code", "", name);
                    left
                }
                _ => {
                    self.text("`");
                    after
                }
            };
        }
        self.text(rest)
    }

    /// Appends an element with attributes as they are and a text, escaped.
    pub(super) fn element(&mut self, name: &str, attributes: &str, text: &str) -> &mut Self {
        let gap = if attributes.is_empty() { "" } else { " " };
        self.raw(&format!("<{name}{gap}{attributes}>")).text(text).raw(&format!("</{name}>"))
    }
}

/// A text as markup that shows it, in an element or in a quoted attribute.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            _ => escaped.push(char),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::{Html, escape};

    #[test]
    fn no_text_can_become_markup() {
        assert_eq!(escape("</script><b a='\"&"), "&lt;/script&gt;&lt;b a=&#39;&quot;&amp;");
        let mut html = Html::default();
        html.element("b", "class=\"x\"", "<i>").element("p", "", "ö");
        assert_eq!(html.text, "<b class=\"x\">&lt;i&gt;</b><p>ö</p>");
    }

    #[test]
    fn names_in_a_sentence_are_code_and_single_backticks_are_themselves() {
        let mut html = Html::default();
        html.sentence("ann is at `lock <a>`, not ```, `");
        assert_eq!(html.text, "ann is at <code>lock &lt;a&gt;</code>, not ``<code>, </code>");
        let mut html = Html::default();
        assert_eq!(html.sentence("one ` alone").text, "one ` alone");
    }
}
