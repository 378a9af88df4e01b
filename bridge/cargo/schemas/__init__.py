"""What a document of each record type must look like: tables of fields, and the rules between fields."""
