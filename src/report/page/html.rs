//! Markup in a string, with every text escaped. It must not know what the page says.

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
}
